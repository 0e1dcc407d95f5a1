package access

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
)

const (
	ticketTTL = 30 * time.Second
	// maxTickets is the maximum number of unused tickets of all users together.
	maxTickets = 50_000
)

// tickets are one-time replacements for a token. An EventSource can't send headers, so it needs a secret in its URL. URLs
// end up in logs and histories, so the secret must become useless quickly. Tickets exist in this process only.
type tickets struct {
	mu     sync.Mutex
	byText map[string]ticket
	// order has the secrets by age, so that expired ones come first.
	order []string
}

type ticket struct {
	caller  Caller
	expires time.Time
}

func newTickets() *tickets { return &tickets{byText: make(map[string]ticket)} }

// issue returns a new ticket for a caller.
func (t *tickets) issue(caller Caller) (string, time.Time, error) {
	now := time.Now()
	expires := now.Add(ticketTTL)
	text := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropExpired(now)
	if len(t.byText) >= maxTickets {
		return "", time.Time{}, rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
			"Too many tickets are waiting to be used. Try again in a few seconds.")
	}
	t.byText[text] = ticket{caller, expires}
	t.order = append(t.order, text)
	return text, expires, nil
}

// redeem returns the caller of a ticket, once.
func (t *tickets) redeem(text string) (Caller, error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.byText[text]
	delete(t.byText, text)
	t.dropExpired(now)
	if !ok || now.After(found.expires) {
		return Caller{}, rpcerr.New(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TICKET_INVALID,
			"This ticket is not valid. ?token= accepts a ticket from POST /api/v1/sse/tickets, once and within 30 seconds. Get a new ticket, or send a token in the Authorization header.")
	}
	return found.caller, nil
}

func (t *tickets) dropExpired(now time.Time) {
	for len(t.order) > 0 {
		found, waiting := t.byText[t.order[0]]
		if waiting && !now.After(found.expires) {
			return
		}
		delete(t.byText, t.order[0])
		t.order = t.order[1:]
	}
}

// CreateTicket answers POST /api/v1/sse/tickets. It must be wrapped in Required.
func (a *Access) CreateTicket(w http.ResponseWriter, r *http.Request) {
	text, expires, err := a.tickets.issue(CallerOf(r.Context()))
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	httperr.WriteJSON(w, http.StatusCreated, map[string]any{"ticket": text, "expiresAt": expires.UTC()})
}
