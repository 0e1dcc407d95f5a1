// Package headway is the Go client of Headway. A Worker leases jobs, runs them, and reports their progress. Watch follows a
// job, even across restarts of the service.
//
// For everything else, call the generated clients (headway/gen/go/headway/jobs/v1). Reason returns why a call failed.
package headway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/health" // for the health checks of replicas
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// DialOptions returns the recommended options for connections to Headway, except for credentials. With them, a client notices
// a lost connection within 15 seconds, and reconnects within a second after the service has restarted.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
	}
}

// balanced is the service configuration for several replicas: calls go to all that report that they are serving.
const balanced = `{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}`

// Dial connects to the jobs service at a HOST:PORT, or to its replicas at several, separated by commas, or at all addresses of a name, as
// dns:///HOST:PORT. Each call goes to one of them. Dial adds DialOptions to the options.
func Dial(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	options = append(DialOptions(), options...)
	target := address
	if all := strings.Split(address, ","); len(all) > 1 {
		replicas := manual.NewBuilderWithScheme("replicas")
		var state resolver.State
		for _, one := range all {
			one = strings.TrimSpace(one)
			host, _, err := net.SplitHostPort(one)
			if err != nil {
				return nil, fmt.Errorf("headway: the address %q is not HOST:PORT: %w", one, err)
			}
			state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: one, ServerName: host}}})
		}
		replicas.InitialState(state)
		target = "replicas:///" + strings.TrimSpace(all[0])
		options = append(options, grpc.WithResolvers(replicas))
	}
	if target != address || strings.HasPrefix(address, "dns:") {
		options = append(options, grpc.WithDefaultServiceConfig(balanced))
	}
	return grpc.NewClient(target, options...)
}

// reasonLeaseLost is the reason of a call with a lease that has ended.
const reasonLeaseLost = "LEASE_LOST"

// Reason returns the machine-readable reason of an error from Headway: a name of headway.errors.v1.ErrorReason without its
// prefix ("LEASE_LOST"). It returns "" for any other error.
func Reason(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		return ""
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "headway" {
			return info.GetReason()
		}
	}
	return ""
}

// Word returns the lowercase name of a status or state, as in REST and SSE: "active".
func Word[E jobsv1.JobStatus | jobsv1.StepState](e E) string {
	switch e := any(e).(type) {
	case jobsv1.JobStatus:
		return strings.ToLower(strings.TrimPrefix(e.String(), "JOB_STATUS_"))
	case jobsv1.StepState:
		return strings.ToLower(strings.TrimPrefix(e.String(), "STEP_STATE_"))
	}
	return ""
}

// Terminal reports whether a job with this status has ended.
func Terminal(s jobsv1.JobStatus) bool {
	return s == jobsv1.JobStatus_JOB_STATUS_COMPLETED || s == jobsv1.JobStatus_JOB_STATUS_FAILED ||
		s == jobsv1.JobStatus_JOB_STATUS_CANCELLED
}

// passing reports whether a repeated call can succeed.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		return true
	case codes.ResourceExhausted:
		return !full(err) && !tooLarge(err)
	case codes.Unauthenticated:
		return Reason(err) == "TOKEN_EXPIRED" // the next call sends the new token, if there is one
	}
	return false
}

// full reports whether an append failed because there is no room for more output. Repeating it cannot succeed soon.
func full(err error) bool {
	reason := Reason(err)
	return reason == "OUTPUT_TOO_LARGE" || reason == "QUOTA_EXCEEDED"
}

// tooLarge reports whether a message was larger than gRPC accepts. Repeating the call cannot succeed.
func tooLarge(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(status.Convert(err).Message(), "larger than max")
}

// rejected reports whether the service does not accept the content of a call.
func rejected(err error) bool { return status.Code(err) == codes.InvalidArgument || tooLarge(err) }

// pause is the pause before the next attempt. It doubles with each attempt, with jitter.
type pause struct{ next, most time.Duration }

func newPause(most time.Duration) pause { return pause{next: 50 * time.Millisecond, most: most} }

// wait waits for the next pause. It reports whether the pause elapsed before ctx was done.
func (p *pause) wait(ctx context.Context) bool {
	d := time.Duration(float64(p.next) * (0.5 + rand.Float64()/2))
	p.next = min(2*p.next, p.most)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
