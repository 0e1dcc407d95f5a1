package replica

import (
	"errors"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"headway/services/jobs/internal/job"
)

// A message on the bus is a commit of a replica, in the wire format of protobuf. Versions of the service can be mixed, so fields are
// only added. Lease tokens are not part of it.
const (
	fieldSender   = 1
	fieldSequence = 2
	fieldJob      = 3
	fieldDeleted  = 4
	fieldOutput   = 5

	fieldID       = 1
	fieldOwner    = 2
	fieldKind     = 3
	fieldCreated  = 4 // microseconds
	fieldRevision = 5
	fieldStatus   = 6
	fieldDue      = 7 // microseconds
	fieldMoved    = 8
	fieldSnapshot = 9 // as watchers get it
)

// maxMessage is the size up to which a message contains snapshots. NATS accepts 1 MiB. Further jobs are only named.
const maxMessage = 512 << 10

// commit is a commit of another replica.
type commit struct {
	sender   string
	sequence uint64
	jobs     []state
	deleted  []job.Deleted
	output   []string
}

// state is a state of a job. Without a snapshot, it must be read from the store.
type state struct {
	job      job.Job // as much as the rooms need
	due      time.Time
	moved    bool // the job might have joined or left the queue
	snapshot []byte
}

// appendState appends a state to a message.
func appendState(b []byte, s *state) []byte {
	b, start := begin(b, fieldJob)
	b = text(b, fieldID, s.job.ID)
	b = text(b, fieldOwner, s.job.Owner)
	b = text(b, fieldKind, s.job.Kind)
	b = number(b, fieldCreated, micros(s.job.CreatedAt))
	b = number(b, fieldRevision, uint64(s.job.Revision))
	b = number(b, fieldStatus, uint64(s.job.Status))
	b = number(b, fieldDue, micros(s.due))
	if s.moved {
		b = number(b, fieldMoved, 1)
	}
	if s.snapshot != nil {
		b = protowire.AppendBytes(protowire.AppendTag(b, fieldSnapshot, protowire.BytesType), s.snapshot)
	}
	return end(b, start)
}

func appendDeleted(b []byte, d *job.Deleted) []byte {
	b, start := begin(b, fieldDeleted)
	b = text(b, fieldID, d.ID)
	b = text(b, fieldOwner, d.Owner)
	b = text(b, fieldKind, d.Kind)
	b = number(b, fieldCreated, micros(d.CreatedAt))
	return end(b, start)
}

// begin begins a message in a field, and returns its start for end.
func begin(b []byte, field protowire.Number) ([]byte, int) {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return b, len(b)
}

// end inserts the length of the message that starts at start.
func end(b []byte, start int) []byte {
	return slices.Insert(b, start, protowire.AppendVarint(nil, uint64(len(b)-start))...)
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func number(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func micros(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMicro())
}

func instant(us uint64) time.Time {
	if us == 0 || us > math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

var errMalformed = errors.New("a message of the bus is malformed")

// fields calls field with each field of a message: with its number, or its bytes.
func fields(b []byte, field func(n protowire.Number, number uint64, bytes []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		var value uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			value, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		if err := field(n, value, bytes); err != nil {
			return err
		}
	}
	return nil
}

// parse returns the commit in a message.
func parse(b []byte) (c commit, err error) {
	err = fields(b, func(n protowire.Number, number uint64, bytes []byte) error {
		switch n {
		case fieldSender:
			c.sender = string(bytes)
		case fieldSequence:
			c.sequence = number
		case fieldOutput:
			c.output = append(c.output, string(bytes))
		case fieldJob:
			s, err := parseState(bytes)
			c.jobs = append(c.jobs, s)
			return err
		case fieldDeleted:
			s, err := parseState(bytes)
			c.deleted = append(c.deleted, job.Deleted{ID: s.job.ID, Owner: s.job.Owner, Kind: s.job.Kind, CreatedAt: s.job.CreatedAt})
			return err
		}
		return nil
	})
	if err == nil && (c.sender == "" || c.sequence == 0) {
		err = errMalformed
	}
	return c, err
}

func parseState(b []byte) (s state, err error) {
	err = fields(b, func(n protowire.Number, number uint64, bytes []byte) error {
		switch n {
		case fieldID:
			s.job.ID = string(bytes)
		case fieldOwner:
			s.job.Owner = string(bytes)
		case fieldKind:
			s.job.Kind = string(bytes)
		case fieldCreated:
			s.job.CreatedAt = instant(number)
		case fieldRevision:
			s.job.Revision = uint32(number)
		case fieldStatus:
			s.job.Status = job.Status(number)
		case fieldDue:
			s.due = instant(number)
		case fieldMoved:
			s.moved = number != 0
		case fieldSnapshot:
			s.snapshot = bytes
		}
		return nil
	})
	if err == nil && s.job.ID == "" {
		err = errMalformed
	}
	return s, err
}
