package rpcclient

import (
	"fmt"

	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	goproto "google.golang.org/protobuf/proto"
)

// exactCodec decodes messages from buffers of the exact size. The codec of gRPC takes a buffer of 1 MiB for each message
// above 32 KiB.
type exactCodec struct{}

// Name implements encoding.CodecV2.
func (exactCodec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (exactCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(goproto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal a %T, which is not a message", v)
	}
	b, err := goproto.Marshal(m)
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

// Unmarshal implements encoding.CodecV2.
func (exactCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(goproto.Message)
	if !ok {
		return fmt.Errorf("unmarshal a %T, which is not a message", v)
	}
	return goproto.Unmarshal(data.Materialize(), m)
}
