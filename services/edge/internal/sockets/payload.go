package sockets

import (
	"bytes"
	"strconv"
)

const (
	chunkEnd = "\r\n"
	// lastChunk ends a body, so that a reader can distinguish a complete body from a truncated one.
	lastChunk = "0\r\n\r\n"
)

// Payload is data that is framed once as an HTTP/1.1 chunk (RFC 9112 §7.1) and shared by all connections that send it.
// The zero Payload is empty.
type Payload struct{ chunk []byte }

// NewPayload frames a copy of b. An empty b results in an empty Payload, because an empty chunk would end the body.
func NewPayload(b []byte) Payload {
	if len(b) == 0 {
		return Payload{}
	}
	size := strconv.FormatInt(int64(len(b)), 16)
	chunk := make([]byte, 0, len(size)+len(b)+2*len(chunkEnd))
	chunk = append(append(chunk, size...), chunkEnd...)
	return Payload{append(append(chunk, b...), chunkEnd...)}
}

// Raw returns a Payload without a frame, for ServeBody. It uses b, which the caller must not change.
func Raw(b []byte) Payload { return Payload{b} }

// Len returns the length of a Raw payload.
func (p Payload) Len() int { return len(p.chunk) }

// Bytes returns the bytes of a Payload that is not Raw, without their frame. The caller must not change them.
func (p Payload) Bytes() []byte {
	if p.chunk == nil {
		return nil
	}
	begin := bytes.Index(p.chunk, []byte(chunkEnd)) + len(chunkEnd)
	return p.chunk[begin : len(p.chunk)-len(chunkEnd)]
}
