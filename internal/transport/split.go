package transport

import (
	"errors"
	"net"
	"sync"
	"time"
)

// handshake is the first byte of every TLS connection, and of no HTTP request.
const handshake = 0x16

// Split takes TLS and plain HTTP at one address: a client's first byte tells which it speaks. So a phone that was given the bare
// address gets an answer, and not a line of nonsense. Closing either listener closes both.
func Split(l net.Listener) (secure, clear net.Listener) {
	d := &door{Listener: l, closed: make(chan struct{})}
	a, b := &half{door: d, conns: make(chan net.Conn)}, &half{door: d, conns: make(chan net.Conn)}
	go d.take(a, b)
	return a, b
}

type door struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

// half is one of the two listeners of a door.
type half struct {
	*door
	conns chan net.Conn
}

func (h *half) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the door.
func (d *door) Close() error {
	err := net.ErrClosed
	d.once.Do(func() {
		close(d.closed)
		err = d.Listener.Close()
	})
	return err
}

func (d *door) take(secure, clear *half) {
	for pause := time.Duration(0); ; {
		c, err := d.Accept()
		switch {
		case err == nil:
			pause = 0
			go d.sort(c, secure, clear)
			continue
		case errors.Is(err, net.ErrClosed):
			_ = d.Close()
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second) // too many open files: some will close
		time.Sleep(pause)
	}
}

func (d *door) sort(c net.Conn, secure, clear *half) {
	var first [1]byte
	_ = c.SetReadDeadline(time.Now().Add(HeaderWithin))
	if _, err := c.Read(first[:]); err != nil {
		_ = c.Close() // it said nothing in time, or has gone
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	to := clear
	if first[0] == handshake {
		to = secure
	}
	select {
	case to.conns <- &begun{Conn: c, first: first[:]}:
	case <-d.closed:
		_ = c.Close()
	}
}

// begun is a connection whose first byte was read.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}
