package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"headway/services/importer/internal/imports"
)

// copying is a COPY of rows that is in progress. Rows are encoded into one buffer while the other is sent.
type copying struct {
	table string
	full  chan []byte
	free  chan []byte
	rest  []byte // of the buffer that is being sent
	sent  []byte // all of it
	// abandoned makes the server discard what it got. cut ends a COPY whose network is gone.
	abandoned atomic.Bool
	cut       context.CancelFunc
	ended     chan struct{}
	tag       pgconn.CommandTag
	err       error
	rows      int64
}

// startCopy begins a COPY on the writer.
func (tx *transaction) startCopy(table, statement string) {
	ctx, cancel := context.WithCancel(tx.ctx)
	c := &copying{table: table, full: make(chan []byte), free: make(chan []byte, 2), cut: cancel, ended: make(chan struct{})}
	c.free <- nil
	c.free <- nil
	tx.copying = c
	conn := tx.writer.PgConn()
	go func() {
		defer close(c.ended)
		c.tag, c.err = conn.CopyFrom(ctx, c, statement)
	}()
}

// Read returns the next bytes to send.
func (c *copying) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.sent != nil {
			c.free <- c.sent[:0] // has room for both
			c.sent = nil
		}
		select {
		case next, more := <-c.full:
			switch {
			case !more && c.abandoned.Load():
				return 0, errAbandoned
			case !more:
				return 0, io.EOF
			}
			c.sent, c.rest = next, next
		case <-c.ended:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// add sends rows. Each begins with a flag, if the table has one.
func (c *copying) add(ctx context.Context, rows [][]imports.Value, flag string) error {
	var buffer []byte
	select {
	case buffer = <-c.free:
	case <-c.ended:
		return c.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, row := range rows {
		buffer = append(buffer, flag...)
		buffer = appendRow(buffer, row)
	}
	select {
	case c.full <- buffer:
		c.rows += int64(len(rows))
		return nil
	case <-c.ended:
		return c.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failure is the error of a COPY that the server has ended.
func (c *copying) failure() error {
	if c.err == nil {
		return fmt.Errorf("copy rows to table %s: the server ended the copy early", c.table)
	}
	return c.err
}

// endCopy completes the COPY that is in progress.
func (tx *transaction) endCopy() error {
	c := tx.copying
	if c == nil {
		return nil
	}
	tx.copying = nil
	defer c.cut()
	close(c.full)
	<-c.ended
	if c.err != nil {
		return tx.copyFailed(c.table, c.err)
	}
	if c.tag.RowsAffected() != c.rows {
		return fmt.Errorf("copy rows to table %s: %d of %d arrived: %w", c.table, c.tag.RowsAffected(), c.rows, imports.ErrTargetUnavailable)
	}
	return nil
}

// copyFailed is the error of a COPY. A stage accepts every value of the schema.
func (tx *transaction) copyFailed(table string, err error) error {
	if permanent(err) {
		return &imports.TableConflictError{Table: table, Detail: "the database rejects the rows: " + message(err)}
	}
	return fmt.Errorf("copy rows to table %s: %w", table, failed(tx.ctx, err))
}

// errAbandoned makes PostgreSQL discard the rows of a COPY.
var errAbandoned = errors.New("the run ends")

// abandonCopy stops the COPY that is in progress.
func (tx *transaction) abandonCopy() {
	c := tx.copying
	if c == nil {
		return
	}
	tx.copying = nil
	defer c.cut()
	c.abandoned.Store(true)
	close(c.full)
	select {
	case <-c.ended:
	case <-time.After(endTimeout):
		c.cut()
		<-c.ended
	}
}

// appendRow appends a row in COPY's text format.
func appendRow(dst []byte, row []imports.Value) []byte {
	for i := range row {
		if i > 0 {
			dst = append(dst, '\t')
		}
		switch v := &row[i]; v.Kind {
		case imports.Null:
			dst = append(dst, '\\', 'N')
		case imports.Integer:
			dst = strconv.AppendInt(dst, v.Int, 10)
		case imports.Text:
			dst = appendEscaped(dst, v.Bytes)
		}
	}
	return append(dst, '\n')
}

func appendEscaped(dst, text []byte) []byte {
	from := 0
	for i, c := range text {
		if c > '\r' && c != '\\' {
			continue
		}
		var escape byte
		switch c {
		case '\\':
			escape = '\\'
		case '\t':
			escape = 't'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		default:
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(dst, text[from:]...)
}
