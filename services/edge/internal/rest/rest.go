// Package rest serves the REST routes that the protos declare. It calls the services like any other client, so that their
// interceptors, limits, and errors apply.
package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	gatewayimportsv1 "headway/gen/go/gateway/headway/imports/v1"
	gatewayjobsv1 "headway/gen/go/gateway/headway/jobs/v1"
	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/webjson"
)

const (
	// maxBodyBytes is the maximum size of a JSON body. The rules of all messages allow much less.
	maxBodyBytes = 1 << 20
	// callTimeout is the timeout of calls to the services, which are all short.
	callTimeout = 30 * time.Second
)

// speakWords makes the gateway accept enum words in queries. The gateway has this setting once per process.
var speakWords = sync.OnceFunc(func() { runtime.SetQueryParameterParser(&webjson.QueryParser{})(nil) })

// Gateway is grpc-gateway's mux. It has the routes that the protos declare, and the file routes that HandleFile adds.
type Gateway struct{ mux *runtime.ServeMux }

// New returns a Gateway with the routes that the protos declare.
func New(jobs jobsv1.JobServiceClient, imports importsv1.ImportServiceClient) (*Gateway, error) {
	speakWords()
	nothing := func(string) (string, bool) { return "", false }
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &webjson.Marshaler{}),
		// The services get the caller's token and the request ID, but no other headers of the caller. Their response
		// headers are not returned.
		runtime.WithIncomingHeaderMatcher(nothing),
		runtime.WithOutgoingHeaderMatcher(nothing),
		runtime.WithOutgoingTrailerMatcher(nothing),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD { return access.Metadata(ctx) }),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			httperr.Write(w, r, namedField(err))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, status int) {
			if status == http.StatusBadRequest {
				httperr.Write(w, r, rpcerr.Invalid("path", "The path is invalid."))
				return
			}
			httperr.Write(w, r, httperr.RouteNotFound(r))
		}),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
	err := errors.Join(
		gatewayjobsv1.RegisterJobServiceHandlerClient(context.Background(), mux, jobs),
		gatewayimportsv1.RegisterImportServiceHandlerClient(context.Background(), mux, imports),
	)
	if err != nil {
		return nil, fmt.Errorf("register the REST routes: %w", err)
	}
	return &Gateway{mux}, nil
}

// Calls returns the handler of the declared routes. It must be wrapped in access.Required.
func (g *Gateway) Calls() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		if err := readBody(r); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				httperr.WriteStatus(w, r, http.StatusRequestEntityTooLarge,
					rpcerr.Invalid("body", fmt.Sprintf("The body is larger than %d bytes. Only workbooks can be larger, with POST /api/v1/imports.", maxBodyBytes)))
				return
			}
			httperr.Write(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		g.serve(w, r)
	})
}

// serve passes a request to the mux, without the headers that the mux would forward to the services.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // the mux has no routes for it. net/http omits the body
		r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		r.Method = http.MethodGet
	}
	r.Header = r.Header.Clone()
	r.Header.Del("Authorization")
	r.Header.Del("Grpc-Timeout")
	g.mux.ServeHTTP(w, r)
}

type headKey struct{}

// wasHead reports whether a request for which the mux sees a GET was a HEAD.
func wasHead(ctx context.Context) bool { return ctx.Value(headKey{}) != nil }

// namedField returns the error for an error that the gateway made of a *webjson.FieldError. The gateway's own words are for
// programmers, so they are replaced.
func namedField(err error) error {
	if status.Code(err) != codes.InvalidArgument || rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return err
	}
	if field, ok := webjson.ParseFieldError(status.Convert(err).Message()); ok {
		return rpcerr.Invalid(field.Field, field.Message)
	}
	return rpcerr.Invalid("request", "It doesn't match this call.")
}

// readBody reads the whole body, so that a body that is too large or of the wrong type gets the right error.
func readBody(r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBodyBytes))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
			"The body is incomplete. Send it again.", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		return nil
	}
	if err := httperr.Encoded(r); err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return httperr.JSONOnly()
	}
	return nil
}

// verb is the custom method at the end of a path ("/{job_id}:cancel"), for which http.ServeMux has no pattern.
var verb = regexp.MustCompile(`(\{\w+\}):\w+$`)

// Patterns returns the routes as patterns of http.ServeMux. In those with custom methods, the last segment is a wildcard.
func Patterns() []string {
	var patterns []string
	for _, file := range []protoreflect.FileDescriptor{
		jobsv1.File_headway_jobs_v1_job_service_proto, importsv1.File_headway_imports_v1_import_service_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, ok := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				if !ok || rule == nil {
					continue
				}
				for method, path := range map[string]string{
					http.MethodGet: rule.GetGet(), http.MethodPost: rule.GetPost(), http.MethodPut: rule.GetPut(),
					http.MethodPatch: rule.GetPatch(), http.MethodDelete: rule.GetDelete(),
				} {
					if path != "" {
						patterns = append(patterns, method+" "+verb.ReplaceAllString(path, "$1"))
					}
				}
			}
		}
	}
	slices.Sort(patterns)
	return slices.Compact(patterns)
}
