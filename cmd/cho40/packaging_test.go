package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var packaging = filepath.Join("..", "..", "packaging")

func packed(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(packaging, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is packaged is not run here (there is no container engine, nor systemd), but names only what there is.
func TestPackagingNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, path := range sources {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`env:"([A-Z0-9_]+)"`).FindAllStringSubmatch(string(b), -1) {
			known = append(known, m[1])
		}
	}
	if len(known) < 15 {
		t.Fatalf("only %d settings found", len(known))
	}
	for _, name := range []string{"cho40.service", "cho40.env", "compose.yaml", "Dockerfile"} {
		for _, v := range regexp.MustCompile(`\b(?:CHO40|DATABASE)_[A-Z_]+`).FindAllString(packed(t, name), -1) {
			if !slices.Contains(known, v) {
				t.Errorf("%s sets %s, which nothing reads", name, v)
			}
		}
	}

	unit := map[string]string{}
	for line := range strings.Lines(packed(t, "cho40.service")) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "[") {
			if !ok {
				t.Errorf("the unit has a line %q", line)
			}
			unit[key] = value
		}
	}
	if drain, err := strconv.Atoi(unit["TimeoutStopSec"]); err != nil || drain <= 20 {
		t.Errorf("systemd kills after %q seconds, the service drains for 20", unit["TimeoutStopSec"])
	}

	var deb struct {
		Contents []struct{ Src, Dst string }
		Scripts  map[string]string
	}
	if err := yaml.Unmarshal([]byte(packed(t, "nfpm.yaml")), &deb); err != nil {
		t.Fatal(err)
	}
	placed := map[string]string{}
	for _, c := range deb.Contents {
		placed[c.Dst] = c.Src
		if !strings.HasPrefix(c.Src, "$") {
			if _, err := os.Stat(filepath.Join("..", "..", c.Src)); err != nil {
				t.Errorf("the package wants %v", err)
			}
		}
	}
	for _, script := range deb.Scripts {
		if info, err := os.Stat(filepath.Join("..", "..", script)); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("the package runs %s: %v", script, err)
		}
	}
	if program, _, _ := strings.Cut(unit["ExecStart"], " "); placed[program] == "" {
		t.Errorf("the unit starts %s, which the package does not bring", program)
	}
	if env := strings.TrimPrefix(unit["EnvironmentFile"], "-"); placed[env] != "packaging/cho40.env" {
		t.Errorf("the unit reads %s", env)
	}

	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))[1]
	if m := regexp.MustCompile(`FROM golang:(\d+\.\d+)`).FindStringSubmatch(packed(t, "Dockerfile")); m == nil || m[1] != want {
		t.Errorf("the container is built with Go %v, the program is of %s", m, want)
	}

	var compose struct {
		Services map[string]struct {
			Image     string
			Build     struct{ Context, Dockerfile string }
			DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
			Volumes   []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(packed(t, "compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	for name, s := range compose.Services {
		for other := range s.DependsOn {
			if _, ok := compose.Services[other]; !ok {
				t.Errorf("%s waits for %s, which is not there", name, other)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := compose.Volumes[volume]; !ok {
				t.Errorf("%s keeps things in %s, which is not there", name, volume)
			}
		}
		if s.Build.Dockerfile != "" {
			if _, err := os.Stat(filepath.Join(packaging, s.Build.Context, s.Build.Dockerfile)); err != nil {
				t.Errorf("%s is built by %v", name, err)
			}
		}
	}
	if len(compose.Services) < 2 {
		t.Error("nothing is composed")
	}
}
