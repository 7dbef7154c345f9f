// Package pgtest gives tests databases on a real PostgreSQL server.
//
// The environment variable FILMCAN_TEST_POSTGRES decides: empty, and the tests that ask for a database are skipped; a
// postgres:// address, and the databases are made on that server, as a user who may create them; anything else (1),
// and each test process starts a server of its own from Debian's programs, on a Unix socket in a temporary folder.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable is the name of the environment variable that decides where the databases come from.
const Variable = "FILMCAN_TEST_POSTGRES"

// The server outlives every test of the process; see [start] for its end.
var server = sync.OnceValues(start)

// New returns the address of an empty database for this test alone, and drops it at the test's end. It skips the test
// when [Variable] is empty.
func New(tb testing.TB) string {
	tb.Helper()
	address := os.Getenv(Variable)
	if address == "" {
		tb.Skip(Variable + " is not set")
	}
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		s, err := server()
		if err != nil {
			tb.Fatalf("start postgres: %v", err)
		}
		address = s.address
	}
	name := "t_" + strings.ToLower(rand.Text())
	admin(tb, address, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
	tb.Cleanup(func() { admin(tb, address, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })

	u, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("%s: %v", Variable, err)
	}
	u.Path = "/" + name
	return u.String()
}

// admin runs one statement on the server, also while a test is being cleaned up.
func admin(tb testing.TB, address, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err == nil {
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, statement)
	}
	if err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// address returns the address of a server's first database, by the folder of its socket.
func address(folder string) string {
	return fmt.Sprintf("postgres://%s@/postgres?host=%s&sslmode=disable", superuser, url.QueryEscape(folder))
}
