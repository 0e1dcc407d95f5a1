package postgres

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"headway/services/jobs/internal/store/column"
)

// A statement that writes rows has one parameter for all of them: an array of a composite type. An array for each of up to 44 columns costs
// the service and the server more CPU time (record 0115).

// record is a composite type, with a column for each of its attributes, in the same order.
type record struct {
	name    string
	columns []written
}

// written is a column that a statement writes.
type written struct {
	name string
	oid  uint32 // of its type
	// encode appends its value in PostgreSQL's binary format. It appends nothing for NULL, and reports that.
	encode func(b []byte, r *row) (_ []byte, null bool)
}

func bigint(name string, value func(*row) int64) written {
	return written{name, pgtype.Int8OID, func(b []byte, r *row) ([]byte, bool) {
		return binary.BigEndian.AppendUint64(b, uint64(value(r))), false
	}}
}

// instant is a time in microseconds since 1970.
func instant(name string, value func(*row) time.Time) written {
	return bigint(name, func(r *row) int64 { return column.Stamp(value(r)) })
}

func integer(name string, value func(*row) int32) written {
	return written{name, pgtype.Int4OID, func(b []byte, r *row) ([]byte, bool) {
		return binary.BigEndian.AppendUint32(b, uint32(value(r))), false
	}}
}

func smallint(name string, value func(*row) int16) written {
	return written{name, pgtype.Int2OID, func(b []byte, r *row) ([]byte, bool) {
		return binary.BigEndian.AppendUint16(b, uint16(value(r))), false
	}}
}

func boolean(name string, value func(*row) bool) written {
	return written{name, pgtype.BoolOID, func(b []byte, r *row) ([]byte, bool) { return append(b, byte(number(value(r)))), false }}
}

func textual(name string, value func(*row) string) written {
	return written{name, pgtype.TextOID, func(b []byte, r *row) ([]byte, bool) { return append(b, value(r)...), false }}
}

// document is a JSON text, or NULL if it is empty.
func document[T ~string | ~[]byte](name string, value func(*row) T) written {
	return written{name, pgtype.TextOID, func(b []byte, r *row) ([]byte, bool) {
		text := value(r)
		return append(b, text...), len(text) == 0
	}}
}

// bytea is bytes, or NULL if they are nil.
func bytea(name string, value func(*row) []byte) written {
	return written{name, pgtype.ByteaOID, func(b []byte, r *row) ([]byte, bool) {
		bytes := value(r)
		return append(b, bytes...), bytes == nil
	}}
}

// unnest returns a table of the rows in the first parameter.
func (of record) unnest() string {
	return "unnest($1::" + of.name + "[]) AS u"
}

// registerRecords finds the composite types in the database of a connection. Their arrays are parameters that are already encoded.
func registerRecords(ctx context.Context, conn *pgx.Conn) error {
	for _, of := range records {
		var element, array uint32
		if err := conn.QueryRow(ctx, `SELECT $1::text::regtype::oid, ($1::text || '[]')::regtype::oid`, of.name).Scan(&element, &array); err != nil {
			return err
		}
		conn.TypeMap().RegisterType(&pgtype.Type{Name: of.name, OID: element, Codec: pgtype.ByteaCodec{}})
		conn.TypeMap().RegisterType(&pgtype.Type{Name: of.name + "[]", OID: array, Codec: pgtype.ByteaCodec{}})
	}
	return nil
}

// encode returns an array of the rows in PostgreSQL's binary format.
func (c *conn) encode(of record, rows []*row) []byte {
	var element uint32
	if t, ok := c.TypeMap().TypeForName(of.name); ok {
		element = t.OID
	}
	const perColumn = 16 // bytes, at a guess
	b := make([]byte, 0, 20+len(rows)*(8+perColumn*len(of.columns)))
	for _, head := range []uint32{1, 0, element, uint32(len(rows)), 1} { // one dimension, no NULLs, and the first index
		b = binary.BigEndian.AppendUint32(b, head)
	}
	for _, r := range rows {
		start := len(b)
		b = binary.BigEndian.AppendUint32(b, 0) // the length follows
		b = binary.BigEndian.AppendUint32(b, uint32(len(of.columns)))
		for i := range of.columns {
			b = of.columns[i].appendTo(b, r)
		}
		setLength(b, start)
	}
	return b
}

// appendTo appends the column of a row: its type, its length, and its value.
func (w *written) appendTo(b []byte, r *row) []byte {
	b = binary.BigEndian.AppendUint32(b, w.oid)
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, 1<<32-1) // NULL has this length
	b, null := w.encode(b, r)
	if !null {
		setLength(b, start)
	}
	return b
}

// setLength sets the length of what follows it in b. It is itself at start.
func setLength(b []byte, start int) {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
}
