package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// column is one figure of a row. It is left out of a table in which no row has it.
type column struct {
	title string
	cell  func(s sample) string // of the median sample; empty: not measured
}

var columns = []column{
	{"time each", func(s sample) string { return lasting(s.each()) }},
	{"a second", func(s sample) string { return count(1e9 / s.each()) }},
	{"p50", func(s sample) string { return unlessZero(s.P50 > 0, lasting(float64(s.P50))) }},
	{"p99", func(s sample) string { return unlessZero(s.P99 > 0, lasting(float64(s.P99))) }},
	{"cpu s", func(s sample) string { return unlessZero(s.CPU > 0, fmt.Sprintf("%.2f", s.CPU.Seconds())) }},
	{"peak MB", func(s sample) string { return unlessZero(s.Peak > 0, count(float64(s.Peak)/1e6)) }},
	{"bytes each", func(s sample) string { return unlessZero(s.Output > 0, count(float64(s.Output)/float64(s.Ops))) }},
	{"allocs each", func(s sample) string { return unlessZero(s.Heap > 0, count(float64(s.Allocs))) }},
	{"heap B each", func(s sample) string { return unlessZero(s.Heap > 0, count(float64(s.Heap))) }},
}

func unlessZero(is bool, text string) string {
	if !is {
		return ""
	}
	return text
}

// printTable prints the median of each row, its time as a multiple of the first row's, and how far that went from
// round to round.
func printTable(w io.Writer, g group, results [][]sample, markdown bool) {
	medians := make([]sample, len(results))
	for i, all := range results {
		medians[i] = median(all)
	}
	lines := [][]string{{g.name}}
	var shown []column
	for _, c := range columns {
		if slices.ContainsFunc(medians, func(s sample) bool { return c.cell(s) != "" }) {
			shown = append(shown, c)
			lines[0] = append(lines[0], c.title)
		}
	}
	lines[0] = append(lines[0], "× first (min–max)", "note")
	for i, r := range g.rows {
		line := []string{r.name}
		for _, c := range shown {
			line = append(line, c.cell(medians[i]))
		}
		lines = append(lines, append(line, ratio(results[i], results[0]), r.note))
	}

	if markdown {
		fmt.Fprintf(w, "\n### %s\n\n", g.title)
		for i, line := range lines {
			fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
			if i == 0 {
				fmt.Fprintf(w, "| --- |%s --- |\n", strings.Repeat(" ---: |", len(line)-2))
			}
		}
		return
	}
	fmt.Fprintf(w, "\n%s\n", g.title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	t.Flush()
}

// median is the sample in the middle by time; all its other figures are of that one round.
func median(all []sample) sample {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b sample) int {
		return int(a.each() - b.each())
	})
	return sorted[len(sorted)/2]
}

// ratio compares round by round, so that a slow round of both does not count.
func ratio(of, first []sample) string {
	ratios := make([]float64, len(of))
	for i := range of {
		ratios[i] = of[i].each() / first[i].each()
	}
	slices.Sort(ratios)
	middle, least, most := ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1]
	if least == 1 && most == 1 {
		return "1"
	}
	return fmt.Sprintf("%.3g (%.3g–%.3g)", middle, least, most)
}

// lasting is a time with three digits.
func lasting(nanoseconds float64) string {
	switch {
	case nanoseconds < 1e3:
		return fmt.Sprintf("%.3g ns", nanoseconds)
	case nanoseconds < 1e6:
		return fmt.Sprintf("%.3g µs", nanoseconds/1e3)
	case nanoseconds < 1e9:
		return fmt.Sprintf("%.3g ms", nanoseconds/1e6)
	}
	return time.Duration(nanoseconds).Round(time.Millisecond).String()
}

// count is a whole number in groups of three, or one with a decimal below 100.
func count(n float64) string {
	if n < 100 && n != float64(int(n)) {
		return fmt.Sprintf("%.1f", n)
	}
	digits := fmt.Sprintf("%.0f", n)
	var out []byte
	for i := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}
