package hub

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	goproto "google.golang.org/protobuf/proto"

	"headway/clients/go"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// The hub decodes only the fields that it needs, and keeps the rest in the wire format. A whole job is decoded only when a
// stream sends it. Decoding only its head costs a tenth of that. These are the field numbers in headway/jobs/v1 and
// headway/imports/v1.
var (
	watchedJobs    = fieldOf(&jobsv1.WatchJobsResponse{}, "jobs")
	watchedSynced  = fieldOf(&jobsv1.WatchJobsResponse{}, "synced")
	watchedDeleted = fieldOf(&jobsv1.WatchJobsResponse{}, "deleted_job_ids")

	jobID      = fieldOf(&jobsv1.Job{}, "job_id")
	jobKind    = fieldOf(&jobsv1.Job{}, "kind")
	jobOwner   = fieldOf(&jobsv1.Job{}, "owner")
	jobStatus  = fieldOf(&jobsv1.Job{}, "status")
	jobRev     = fieldOf(&jobsv1.Job{}, "revision")
	jobPayload = fieldOf(&jobsv1.Job{}, "payload")
	jobCreated = fieldOf(&jobsv1.Job{}, "created_at")
	jobUpdated = fieldOf(&jobsv1.Job{}, "updated_at")

	importID    = fieldOf(&importsv1.Import{}, "import_id")
	importOwner = fieldOf(&importsv1.Import{}, "owner")
	importJob   = fieldOf(&importsv1.Import{}, "job")
)

func fieldOf(m goproto.Message, name string) protowire.Number {
	return m.ProtoReflect().Descriptor().Fields().ByTextName(name).Number()
}

// wire is a response in its wire format.
type wire []byte

// wireCodec encodes requests as gRPC does, and leaves responses in their wire format.
type wireCodec struct{}

// Name implements encoding.CodecV2.
func (wireCodec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (wireCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, err := goproto.Marshal(v.(goproto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

// Unmarshal implements encoding.CodecV2.
func (wireCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*wire) = data.Materialize()
	return nil
}

var errWire = errors.New("the message is malformed")

// fields calls each for every field of a message, with the field as it is in b, and its value if it is a number or
// bytes.
func fields(b []byte, each func(n protowire.Number, whole []byte, number uint64, bytes []byte) error) error {
	for len(b) > 0 {
		n, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return errWire
		}
		var (
			number uint64
			bytes  []byte
			size   int
		)
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b[tag:])
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(b[tag:])
		default:
			size = protowire.ConsumeFieldValue(n, kind, b[tag:])
		}
		if size < 0 {
			return errWire
		}
		if err := each(n, b[:tag+size], number, bytes); err != nil {
			return err
		}
		b = b[tag+size:]
	}
	return nil
}

// readJob decodes a job's head, and keeps everything except the payload, which streams don't send.
func readJob(b []byte) (*Snapshot, error) {
	s := &Snapshot{}
	keep := len(b)
	err := fields(b, func(n protowire.Number, whole []byte, number uint64, bytes []byte) (err error) {
		switch n {
		case jobID:
			s.ID = string(bytes)
		case jobPayload:
			keep -= len(whole)
		default:
			err = s.readHead(n, number, bytes)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a job: %w", err)
	}
	s.Raw = make([]byte, 0, keep)
	_ = fields(b, func(n protowire.Number, whole []byte, _ uint64, _ []byte) error { // it was already parsed
		if n != jobPayload {
			s.Raw = append(s.Raw, whole...)
		}
		return nil
	})
	return s, nil
}

// readHead reads one field of a job.
func (s *Snapshot) readHead(n protowire.Number, number uint64, bytes []byte) (err error) {
	switch n {
	case jobKind:
		s.Kind = string(bytes)
	case jobOwner:
		s.Owner = string(bytes)
	case jobStatus:
		s.Terminal = headway.Terminal(jobsv1.JobStatus(number))
	case jobRev:
		s.Revision = uint32(number)
	case jobCreated:
		s.Created, err = readTime(bytes)
	case jobUpdated:
		s.At, err = readTime(bytes)
	}
	return err
}

// readImport decodes an import's head, and keeps everything.
func readImport(b []byte) (*Snapshot, error) {
	s := &Snapshot{Topic: Topic{Import: true}, Raw: b}
	var owner string
	err := fields(b, func(n protowire.Number, _ []byte, _ uint64, bytes []byte) error {
		switch n {
		case importID:
			s.ID = string(bytes)
		case importOwner:
			owner = string(bytes)
		case importJob: // its kind, status, revision, and times
			return fields(bytes, func(n protowire.Number, _ []byte, number uint64, bytes []byte) error {
				return s.readHead(n, number, bytes)
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read an import: %w", err)
	}
	s.Owner = owner
	return s, nil
}

// readField returns the last field with this number, which is a message.
func readField(b []byte, field protowire.Number) (value []byte, err error) {
	err = fields(b, func(n protowire.Number, _ []byte, _ uint64, bytes []byte) error {
		if n == field {
			value = bytes
		}
		return nil
	})
	return value, err
}

// readTime reads a google.protobuf.Timestamp, in milliseconds.
func readTime(b []byte) (int64, error) {
	var seconds, nanos uint64
	err := fields(b, func(n protowire.Number, _ []byte, number uint64, _ []byte) error {
		switch n {
		case 1:
			seconds = number
		case 2:
			nanos = number
		}
		return nil
	})
	return int64(seconds)*1000 + int64(nanos)/1_000_000, err
}
