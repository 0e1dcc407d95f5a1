package rpcserver

import (
	"context"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

const (
	// maxUnreadBytes is how many bytes of responses a user can leave unread at a time.
	maxUnreadBytes = 64 << 20
	// maxUnprovenBytes is the same for all calls without a token on one connection.
	maxUnprovenBytes = 1 << 20
	// unreadCall is what the transport keeps for a call whose response is not read, in addition to the response.
	unreadCall = 4 << 10
	// partBytes is the size of the parts of a response that the transport releases one by one. gRPC reports the release of buffers only
	// above 1 KiB.
	partBytes = 4 << 10
)

// buffers are those of encoded responses. The pool of gRPC has nothing between 32 KiB and 1 MiB.
var buffers = mem.NewTieredBufferPool(4<<10, 16<<10, 32<<10, 64<<10, 128<<10, 256<<10, 512<<10, 1<<20)

// unreadLimit limits the responses that callers don't read. The transport keeps them until the caller reads or cancels the call, or the
// connection ends, long after the handler has returned. It offers no view of them, but it releases the buffers of a response as it
// writes them, so responses are encoded into buffers that report this.
type unreadLimit struct {
	mu sync.Mutex
	// held are the bytes of each user, by subject, or of a *connection.
	held map[any]int
}

func newUnreadLimit() *unreadLimit { return &unreadLimit{held: make(map[any]int)} }

// account is where the unread bytes of a call are counted.
type account struct {
	limit *unreadLimit
	conn  *connection
	key   any
	most  int
}

// account returns the account of the caller. Services have calls of all their users on one connection, and no limit. Workers are many
// programs with one subject, so each of their connections has the limit.
func (l *unreadLimit) account(ctx context.Context) account {
	conn, _ := ctx.Value(connectionKey{}).(*connection)
	id, known := auth.FromContext(ctx)
	switch {
	case !known:
		return account{l, conn, conn, maxUnprovenBytes}
	case id.Has(auth.ScopeService):
		return account{l, conn, conn, -1}
	case id.Has(auth.ScopeWorker):
		return account{l, conn, conn, maxUnreadBytes}
	}
	return account{l, conn, id.Subject, maxUnreadBytes}
}

// answer returns the message of a response, to be encoded and counted. Its parts that the caller has read are added to read, which can be
// nil. Without a limit and read, nothing needs the count.
func (a account) answer(message any, read *atomic.Int64) (any, error) {
	m, ok := message.(proto.Message)
	if !ok || a.conn == nil || a.most < 0 && read == nil {
		return message, nil
	}
	size := proto.Size(m)
	resp := &answer{account: a, message: m, size: size, held: size + unreadCall, read: read}
	a.limit.mu.Lock()
	defer a.limit.mu.Unlock()
	if a.most >= 0 && a.limit.held[a.key]+resp.held > a.most {
		return nil, a.full()
	}
	a.limit.held[a.key] += resp.held
	a.conn.answers[resp] = struct{}{}
	return resp, nil
}

// full returns the error of a caller that has too many unread responses.
func (a account) full() error {
	return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"You have %d KiB of responses that you have not read, which is the maximum. Read them or cancel their calls, and then call again.", a.most>>10)
}

// unary implements grpc.UnaryServerInterceptor. It must come after authUnary.
func (l *unreadLimit) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	a := l.account(ctx)
	l.mu.Lock()
	full := a.most >= 0 && l.held[a.key]+unreadCall > a.most
	l.mu.Unlock()
	if full { // before anything is changed
		return nil, a.full()
	}
	resp, err := handler(ctx, req)
	if err != nil {
		return nil, err
	}
	uncompressed(ctx)
	return a.answer(resp, nil)
}

// uncompressed turns compression off for the responses of a call, because the sizes of compressed responses aren't known.
func uncompressed(ctx context.Context) {
	_ = grpc.SetSendCompressor(ctx, encoding.Identity) // fails only outside a server, or after the header was sent
}

// ended forgets the responses of a connection that has ended. The transport doesn't release all of them.
func (l *unreadLimit) ended(conn *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for resp := range conn.answers {
		resp.release(resp.held)
	}
}

// answer is a response that is counted until the caller has read it.
type answer struct {
	account
	message proto.Message
	size    int
	read    *atomic.Int64
	// held are the bytes that are still counted. The limit's mutex guards it.
	held int

	// whole is the buffer of the encoded message, which all parts share.
	whole *[]byte
	parts atomic.Int32
}

// release counts n bytes less. The limit's mutex must be held.
func (r *answer) release(n int) {
	n = min(n, r.held)
	r.held -= n
	if r.limit.held[r.key] -= n; r.limit.held[r.key] == 0 {
		delete(r.limit.held, r.key)
	}
	if r.held == 0 {
		delete(r.conn.answers, r)
	}
}

// done counts bytes that the transport has released.
func (r *answer) done(n int) {
	if r.read != nil {
		r.read.Add(int64(n))
	}
	last := r.parts.Add(-1) == 0
	r.limit.mu.Lock()
	if last {
		n = r.held
	}
	r.release(n)
	r.limit.mu.Unlock()
	if last {
		buffers.Put(r.whole)
	}
}

// Get implements mem.BufferPool.
func (r *answer) Get(int) *[]byte { panic("rpcserver: the parts of a response are not a pool") }

// Put implements mem.BufferPool. It receives a part of the response that has been written, or is dropped.
func (r *answer) Put(part *[]byte) { r.done(len(*part)) }

// encode returns the encoded message in parts.
func (r *answer) encode() (mem.BufferSlice, error) {
	r.whole = buffers.Get(max(r.size, partBytes))
	encoded, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend((*r.whole)[:0], r.message)
	r.message = nil
	count := max(len(encoded)/partBytes, 1)
	r.parts.Store(int32(count))
	if err != nil {
		r.parts.Store(1)
		r.done(0)
		return nil, err
	}
	parts := make(mem.BufferSlice, count)
	for i := range parts {
		part := encoded[i*partBytes:]
		if i < count-1 {
			part = part[:partBytes:partBytes]
		}
		parts[i] = mem.NewBuffer(&part, r)
	}
	return parts, nil
}

// codec encodes responses that are counted.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if resp, ok := v.(*answer); ok {
		return resp.encode()
	}
	return c.CodecV2.Marshal(v)
}
