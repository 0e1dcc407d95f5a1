package sqlitedirect

import (
	"fmt"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// arenaBytes is the memory for the texts of one execution. SQLite copies texts that don't fit.
const arenaBytes = 64 << 10

// Stmt is a prepared statement. Like its connection, it is for one goroutine at a time.
//
// To execute it, bind every parameter, call Step until there are no more rows, and then call Reset.
type Stmt struct {
	conn   *Conn
	handle uintptr
	// arena is memory of libc that holds bound texts until Reset. used is the number of bytes in use.
	arena uintptr
	used  int
}

// Prepare prepares one statement.
func (c *Conn) Prepare(text string) (*Stmt, error) {
	sql, err := libc.CString(text)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	defer libc.Xfree(c.tls, sql)
	handle := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	if handle == 0 {
		return nil, fmt.Errorf("prepare: %w", errMemory)
	}
	defer libc.Xfree(c.tls, handle)
	if err := c.check(sqlite3.Xsqlite3_prepare_v2(c.tls, c.db, sql, -1, handle, 0)); err != nil {
		return nil, err
	}
	return &Stmt{conn: c, handle: libc.AtomicLoadPUintptr(handle)}, nil
}

// Close finalizes the statement.
func (s *Stmt) Close() error {
	if s.handle == 0 {
		return nil
	}
	// Its result is that of the last Step, which has been returned already.
	sqlite3.Xsqlite3_finalize(s.conn.tls, s.handle)
	libc.Xfree(s.conn.tls, s.arena)
	s.handle, s.arena = 0, 0
	return nil
}

// BindNull binds null to a parameter. Parameters count from 1.
func (s *Stmt) BindNull(parameter int) error {
	return s.conn.check(sqlite3.Xsqlite3_bind_null(s.conn.tls, s.handle, int32(parameter)))
}

// BindInt binds a whole number.
func (s *Stmt) BindInt(parameter int, v int64) error {
	return s.conn.check(sqlite3.Xsqlite3_bind_int64(s.conn.tls, s.handle, int32(parameter), v))
}

// BindText binds a text, which is copied.
func (s *Stmt) BindText(parameter int, text []byte) error {
	if s.arena == 0 {
		if s.arena = libc.Xmalloc(s.conn.tls, arenaBytes); s.arena == 0 {
			return errMemory
		}
	}
	at, destructor := s.arena+uintptr(s.used), sqlite3.SQLITE_STATIC
	if len(text) <= arenaBytes-s.used {
		copy(memory(at, len(text)), text)
		s.used += len(text)
	} else {
		copied, err := libc.CString(string(text))
		if err != nil {
			return errMemory
		}
		defer libc.Xfree(s.conn.tls, copied)
		at, destructor = copied, ^uintptr(0) // SQLITE_TRANSIENT: SQLite copies it
	}
	return s.conn.check(sqlite3.Xsqlite3_bind_text(s.conn.tls, s.handle, int32(parameter), at, int32(len(text)), destructor))
}

// Step advances to the next row. It reports whether there is a row.
func (s *Stmt) Step() (row bool, err error) {
	code := sqlite3.Xsqlite3_step(s.conn.tls, s.handle)
	return code == sqlite3.SQLITE_ROW, s.conn.check(code)
}

// Reset ends the execution, so that the next can begin.
func (s *Stmt) Reset() {
	// Its result is that of the last Step, which has been returned already.
	sqlite3.Xsqlite3_reset(s.conn.tls, s.handle)
	s.used = 0
}

// Kind is the kind of a column's value.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Integer
	Text
	// Other is a number with a fraction, or bytes.
	Other
)

// Kind returns the kind of a column of the current row. Columns count from 0.
func (s *Stmt) Kind(column int) Kind {
	switch sqlite3.Xsqlite3_column_type(s.conn.tls, s.handle, int32(column)) {
	case sqlite3.SQLITE_NULL:
		return Null
	case sqlite3.SQLITE_INTEGER:
		return Integer
	case sqlite3.SQLITE_TEXT:
		return Text
	}
	return Other
}

// Int returns a column of the current row as a whole number.
func (s *Stmt) Int(column int) int64 {
	return sqlite3.Xsqlite3_column_int64(s.conn.tls, s.handle, int32(column))
}

// AppendText appends a column of the current row as text.
func (s *Stmt) AppendText(dst []byte, column int) []byte { return append(dst, s.RawText(column)...) }

// RawText returns a column of the current row as text. The memory belongs to SQLite. It is valid until the next Step or
// Reset, and must not be changed.
func (s *Stmt) RawText(column int) []byte {
	at := sqlite3.Xsqlite3_column_text(s.conn.tls, s.handle, int32(column))
	if at == 0 {
		return nil
	}
	return memory(at, int(sqlite3.Xsqlite3_column_bytes(s.conn.tls, s.handle, int32(column))))
}

// memory returns n bytes of SQLite's memory, which Go's garbage collector does not manage. Go memory is never passed to
// SQLite as a number, because a number doesn't keep the garbage collector from moving or freeing it.
func memory(at uintptr, n int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), n)
}

// Text returns a column of the current row as text.
func (s *Stmt) Text(column int) string { return string(s.AppendText(nil, column)) }
