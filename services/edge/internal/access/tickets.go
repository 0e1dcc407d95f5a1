package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
)

const (
	ticketTTL = 30 * time.Second
	// ticketSkew is how much the clocks of edges can differ.
	ticketSkew = 30 * time.Second
	// ticketSweep is the interval at which the tickets are forgotten that have expired.
	ticketSweep = time.Minute
	// useTimeout is how long it can take to record that a ticket was used.
	useTimeout = 10 * time.Second
	// ticketsPrefix is the common beginning of the keys of used tickets. The minute when the ticket was issued follows.
	ticketsPrefix = "tickets/"
)

// tickets are one-time replacements for a token. An EventSource can't send headers, so it needs a secret in its URL. URLs
// end up in logs and histories, so the secret must become useless quickly. A ticket is the encrypted token, so every edge with the
// same key can open it. That it was used is a blob, which only one edge can create.
type tickets struct {
	sealer *auth.Sealer
	// shared records which tickets were used. If it is nil, used does, and tickets from before started are not valid.
	shared  *blobs.Bucket
	started time.Time

	mu   sync.Mutex
	used map[[sha256.Size]byte]time.Time // when it was issued
}

func newTickets(sealer *auth.Sealer, shared *blobs.Bucket) *tickets {
	return &tickets{sealer: sealer, shared: shared, started: time.Now(), used: make(map[[sha256.Size]byte]time.Time)}
}

// ticketHead is the length of the time in a ticket, and of the session's ID. Without a session, that is zero.
const ticketHead = 8 + sessionBytes

// issue returns a new ticket for a caller.
func (t *tickets) issue(caller Caller) (string, time.Time) {
	now := time.Now()
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, ticketHead+len(caller.Token)), uint64(now.UnixMilli()))
	session, _ := hex.DecodeString(caller.Session) // this package has made it
	plain = append(plain, session...)
	plain = append(plain, make([]byte, ticketHead-len(plain))...)
	return t.sealer.Seal(append(plain, packed(caller.Token)...)), now.Add(ticketTTL)
}

var errTicket = rpcerr.Newf(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TICKET_INVALID,
	"This ticket is not valid. ?token= accepts a ticket from POST /api/v1/sse/tickets, once and within %g seconds. Get a new ticket, or send a token in the Authorization header.", ticketTTL.Seconds())

// redeem returns the session and the token of a ticket, once.
func (t *tickets) redeem(ctx context.Context, text string) (session, token string, err error) {
	plain, ok := t.sealer.Open(text)
	if !ok || len(plain) < ticketHead {
		return "", "", errTicket
	}
	issued, now := time.UnixMilli(int64(binary.BigEndian.Uint64(plain))), time.Now()
	leeway := time.Duration(0)
	if t.shared != nil {
		leeway = ticketSkew
	}
	if now.Sub(issued) > ticketTTL || issued.Sub(now) > leeway {
		return "", "", errTicket
	}
	if err := t.use(ctx, sha256.Sum256([]byte(text)), issued); err != nil {
		return "", "", err
	}
	if id := plain[8:ticketHead]; [sessionBytes]byte(id) != [sessionBytes]byte{} {
		session = hex.EncodeToString(id)
	}
	return session, unpacked(plain[ticketHead:]), nil
}

// use records that a ticket was used. It returns an error if it already was.
func (t *tickets) use(ctx context.Context, hash [sha256.Size]byte, issued time.Time) error {
	if t.shared == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if _, used := t.used[hash]; used || issued.Before(t.started.Truncate(time.Millisecond)) {
			return errTicket
		}
		t.used[hash] = issued
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	err := t.shared.Create(ctx, ticketsPrefix+minuteKey(issued)+hex.EncodeToString(hash[:16]), nil)
	switch {
	case errors.Is(err, blobs.ErrExists):
		return errTicket
	case err != nil:
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The ticket can't be checked now. Get a new ticket, and try again.", fmt.Errorf("record the use of a ticket: %w", err))
	}
	return nil
}

// run forgets the tickets that have expired, until ctx is done.
func (t *tickets) run(ctx context.Context) {
	ticker := time.NewTicker(ticketSweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			t.forget(ctx, now.Add(-ticketTTL-2*ticketSkew))
		}
	}
}

// forget forgets the tickets that were issued before a time.
func (t *tickets) forget(ctx context.Context, before time.Time) {
	t.mu.Lock()
	for hash, issued := range t.used {
		if issued.Before(before) {
			delete(t.used, hash)
		}
	}
	t.mu.Unlock()
	if t.shared == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ticketSweep)
	defer cancel()
	last := ticketsPrefix + minuteKey(before.Add(-time.Minute)) + "~" // after all keys of that minute
	var expired []string
	// After an error, the next call tries again. Other edges delete as well.
	_ = t.shared.ListPrefix(ctx, ticketsPrefix, func(b blobs.Blob) error {
		if b.Key > last {
			return errEnough
		}
		expired = append(expired, b.Key)
		return nil
	})
	for _, key := range expired {
		_ = t.shared.Delete(ctx, key)
	}
}

var errEnough = errors.New("the other tickets can be valid")

// CreateTicket answers POST /api/v1/sse/tickets. It must be wrapped in Required.
func (a *Access) CreateTicket(w http.ResponseWriter, r *http.Request) {
	text, expires := a.tickets.issue(CallerOf(r.Context()))
	httperr.WriteJSON(w, http.StatusCreated, map[string]any{"ticket": text, "expiresAt": expires.UTC()})
}
