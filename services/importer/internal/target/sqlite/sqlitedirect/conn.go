// Package sqlitedirect calls SQLite's C interface (https://www.sqlite.org/c3ref/intro.html) in the library that the driver
// modernc.org/sqlite uses, without database/sql.
//
// It is for writing many rows: database/sql and the driver convert every value to an interface, copy every text, and take
// several locks for each, which costs as much as the insertion itself. Here, a statement is prepared once, its values are
// bound from one block of memory, and a step is one call. Use database/sql for everything else.
//
// A database can be open here and through the driver at the same time, even in one process: both use one library, with
// one view of the locks.
package sqlitedirect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	_ "modernc.org/sqlite" // prepares the library for its first use
	sqlite3 "modernc.org/sqlite/lib"
)

// Error is an error of SQLite, with SQLite's message.
type Error struct {
	// Code is the extended result code (https://www.sqlite.org/rescode.html). Its low 8 bits are the primary code.
	Code    int
	Message string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// Conn is a connection. It is for one goroutine at a time, except for InterruptOn.
type Conn struct {
	tls *libc.TLS
	db  uintptr
}

// Open opens the database at path. It creates the database if it doesn't exist.
func Open(path string) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS()}
	name, err := libc.CString("file:" + (&url.URL{Path: path}).EscapedPath())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer libc.Xfree(c.tls, name)
	handle := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	if handle == 0 {
		return nil, fmt.Errorf("open %s: %w", path, errMemory)
	}
	defer libc.Xfree(c.tls, handle)
	// The connection is used by one goroutine at a time, so calls need no lock (NOMUTEX).
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX |
		sqlite3.SQLITE_OPEN_URI | sqlite3.SQLITE_OPEN_EXRESCODE
	code := sqlite3.Xsqlite3_open_v2(c.tls, name, handle, flags, 0)
	c.db = libc.AtomicLoadPUintptr(handle)
	if err := c.check(code); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), c.Close())
	}
	return c, nil
}

// Close rolls back an open transaction and closes the connection. Its statements must be closed before.
func (c *Conn) Close() error {
	var err error
	if c.db != 0 {
		err = c.check(sqlite3.Xsqlite3_close_v2(c.tls, c.db))
		c.db = 0
		c.tls.Close()
	}
	return err
}

// InterruptOn interrupts the running statement (SQLITE_INTERRUPT) when ctx is done, until stop is called. stop waits for an
// interruption that has started.
func (c *Conn) InterruptOn(ctx context.Context) (stop func()) {
	made := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(made)
		tls := libc.NewTLS()
		defer tls.Close()
		sqlite3.Xsqlite3_interrupt(tls, c.db)
	})
	return sync.OnceFunc(func() {
		if !cancel() {
			<-made
		}
	})
}

// Exec runs a statement that returns no rows. Its arguments are int64, string, or nil.
func (c *Conn) Exec(text string, args ...any) error {
	return c.Query(text, args, nil)
}

// Query runs a statement and calls each for every row. each can be nil.
func (c *Conn) Query(text string, args []any, each func(row *Stmt)) (err error) {
	s, err := c.Prepare(text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			err = s.BindNull(i + 1)
		case int64:
			err = s.BindInt(i+1, v)
		case string:
			err = s.BindText(i+1, []byte(v))
		default:
			err = fmt.Errorf("a %T can't be bound", arg)
		}
		if err != nil {
			return err
		}
	}
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		if each != nil {
			each(s)
		}
	}
}

// Changes returns the number of rows that the last statement inserted, updated, or deleted.
func (c *Conn) Changes() int64 { return sqlite3.Xsqlite3_changes64(c.tls, c.db) }

// CacheMisses returns the number of pages that were not in the page cache and were read from the file, since the
// connection was opened.
func (c *Conn) CacheMisses() (int64, error) {
	counters := libc.Xcalloc(c.tls, 2, types.Size_t(unsafe.Sizeof(int32(0)))) // the counter, and its peak
	if counters == 0 {
		return 0, errMemory
	}
	defer libc.Xfree(c.tls, counters)
	err := c.check(sqlite3.Xsqlite3_db_status(c.tls, c.db, sqlite3.SQLITE_DBSTATUS_CACHE_MISS, counters, counters+unsafe.Sizeof(int32(0)), 0))
	return int64(libc.AtomicLoadPInt32(counters)), err
}

// InTransaction reports whether a transaction is open. A trigger can end it (RAISE(ROLLBACK)).
func (c *Conn) InTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

// DanglingForeignKeys reports whether a commit would fail because of a deferred foreign key.
func (c *Conn) DanglingForeignKeys() (bool, error) {
	pair := libc.Xcalloc(c.tls, 2, 4)
	if pair == 0 {
		return false, errMemory
	}
	defer libc.Xfree(c.tls, pair)
	if err := c.check(sqlite3.Xsqlite3_db_status(c.tls, c.db, sqlite3.SQLITE_DBSTATUS_DEFERRED_FKS, pair, pair+4, 0)); err != nil {
		return false, err
	}
	return libc.AtomicLoadPInt32(pair) != 0, nil
}

var errMemory = errors.New("out of memory")

// check turns a result code into an error.
func (c *Conn) check(code int32) error {
	switch code & 0xff {
	case sqlite3.SQLITE_OK, sqlite3.SQLITE_ROW, sqlite3.SQLITE_DONE:
		return nil
	}
	if c.db == 0 {
		return &Error{Code: int(code), Message: libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, code))}
	}
	return &Error{Code: int(code), Message: libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}
