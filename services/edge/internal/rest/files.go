package rest

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"
)

// Files returns the handler of the file routes. It doesn't read a body before their handlers do, and doesn't set a time
// limit. It must be wrapped in access.Required.
func (g *Gateway) Files() http.Handler { return http.HandlerFunc(g.serve) }

// HandleFile adds a route whose body or response is a file instead of a message. call is the full name of the RPC that
// h calls with the context of the request, which carries the caller's token.
func (g *Gateway) HandleFile(method, path, call string, h http.HandlerFunc) error {
	return g.mux.HandlePath(method, path, func(w http.ResponseWriter, r *http.Request, wildcards map[string]string) {
		ctx, err := runtime.AnnotateContext(r.Context(), g.mux, r, call, runtime.WithHTTPPathPattern(path))
		if err != nil {
			g.Fail(w, r, err)
			return
		}
		r = r.WithContext(ctx)
		if wasHead(r.Context()) {
			r.Method = http.MethodHead
		}
		for name, value := range wildcards {
			r.SetPathValue(name, value)
		}
		h(w, r)
	})
}

// Answer writes the response of a call as the mux does. prepare is called before the status is written.
func (g *Gateway) Answer(w http.ResponseWriter, r *http.Request, m proto.Message, prepare func(http.ResponseWriter)) {
	_, marshaler := runtime.MarshalerForRequest(g.mux, r)
	runtime.ForwardResponseMessage(r.Context(), g.mux, marshaler, w, r, m,
		func(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
			prepare(w)
			return nil
		})
}

// Fail writes an error as the mux does.
func (g *Gateway) Fail(w http.ResponseWriter, r *http.Request, err error) {
	_, marshaler := runtime.MarshalerForRequest(g.mux, r)
	runtime.HTTPError(r.Context(), g.mux, marshaler, w, r, err)
}
