package door

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

type connKey struct{}

// connection is what requests of one connection share.
type connection struct {
	net.Conn

	memory sync.Map
}

// ConnContext is for [net/http.Server.ConnContext]: it lets a door end the connection of a request from outside of
// the request's own goroutine, see [Reset], and remember something about it, see [Memory].
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, &connection{Conn: c})
}

// Memory is what doors remember about the connection of a request; it is gone with the connection. Keys are of types
// that the door has for itself. Nil where the server does not know its connections.
func Memory(ctx context.Context) *sync.Map {
	if c, ok := ctx.Value(connKey{}).(*connection); ok {
		return &c.memory
	}
	return nil
}

// Reset ends the connection of a request at once and drops what the kernel has not sent yet. A write that is blocked
// on it fails. There is no farewell under TLS: it could block for seconds. It reports false where the server does not
// know its connections; any goroutine may call it.
func Reset(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(*connection)
	if ok {
		Sever(c.Conn)
	}
	return ok
}

// Sever closes a connection as [Reset] does.
func Sever(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
