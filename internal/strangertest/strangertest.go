// Package strangertest calls every method of a gRPC server as callers who must not learn or change anything.
package strangertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// Names are the names with which a call asks for something: those of the owner's objects, or others that do not exist.
type Names struct {
	// ID is the ID of a job or an import.
	ID string
	// LeaseToken is a guess for the lease of a job.
	LeaseToken string
	// RequestID is that of an earlier call.
	RequestID string
	// PageToken is that of a page of a list.
	PageToken string
	// Name is the name of another object.
	Name string
}

// Method is how a test calls one method.
type Method struct {
	// Requests returns the messages of a call.
	Requests func(n Names) []proto.Message
	// Own is set if the method has only the caller's own objects or none at all, so that strangers can call it.
	Own bool
	// Varies is set if the responses of two such calls differ, because they have new objects of the caller.
	Varies bool
}

// One returns a method that strangers call with one message.
func One(request func(n Names) proto.Message) Method {
	return Method{Requests: func(n Names) []proto.Message { return []proto.Message{request(n)} }}
}

// Own is One for a method that has only the caller's own objects, new ones with each call.
func Own(request func(n Names) proto.Message) Method {
	m := One(request)
	m.Own, m.Varies = true, true
	return m
}

// Caller is someone who must not learn or change anything of the owner's.
type Caller struct {
	Name string
	// Token is empty for a caller without one.
	Token string
	// Reasons are the only reasons with which this caller's calls can fail, and OK is set if methods with Own can succeed.
	Reasons []errorsv1.ErrorReason
	OK      bool
}

// Config describes the server and its callers.
type Config struct {
	// Address is the server's.
	Address string
	// Methods has an entry for each method of the server, by its full name ("headway.jobs.v1.JobService.GetJob").
	Methods map[string]Method
	// Exist are the names of several objects of the owner, and Unknown are names of no object.
	Exist   []Names
	Unknown Names
	Callers []Caller
	// Secrets are texts of the owner's objects, which no answer may have.
	Secrets []string
	// State returns all that the owner can see of the objects. It must not change.
	State func(t *testing.T) string
}

// Run calls every method as every caller. Both with names that exist and with unknown ones, the answers must be the same.
func Run(t *testing.T, cfg Config) {
	conn := dial(t, cfg.Address, "")
	methods := served(t, conn)
	for name := range cfg.Methods {
		if !slices.ContainsFunc(methods, func(m protoreflect.MethodDescriptor) bool { return string(m.FullName()) == name }) {
			t.Errorf("the server has no method %s", name)
		}
	}
	before := cfg.State(t)
	for _, caller := range cfg.Callers {
		conn := dial(t, cfg.Address, caller.Token)
		for _, m := range methods {
			how, known := cfg.Methods[string(m.FullName())]
			if !known {
				t.Errorf("the method %s has no entry. Add one, so that it is called as every stranger", m.FullName())
				continue
			}
			t.Run(caller.Name+"/"+string(m.Name()), func(t *testing.T) {
				for _, names := range cfg.Exist {
					check(t, &cfg, &caller, &how, names, call(t, conn, m, how.Requests(names)), call(t, conn, m, how.Requests(cfg.Unknown)))
				}
			})
			if after := cfg.State(t); after != before {
				t.Fatalf("%s changed an object by %s: %s", caller.Name, m.FullName(), difference(before, after))
			}
		}
	}
}

// check checks the answers of two calls, about an object of the owner and about one that does not exist.
func check(t *testing.T, cfg *Config, caller *Caller, how *Method, names Names, exists, unknown answer) {
	t.Helper()
	told := exists.text("")
	for _, secret := range cfg.Secrets {
		if strings.Contains(told, secret) {
			t.Errorf("the answer tells %q: %s", secret, told)
		}
	}
	switch reason := rpcerr.Reason(exists.err); {
	case exists.err == nil:
		if !caller.OK || !how.Own {
			t.Errorf("the call succeeded: %s", told)
		}
	case !slices.Contains(caller.Reasons, reason):
		t.Errorf("got %v with the reason %v, want one of %v", exists.err, reason, caller.Reasons)
	}
	if how.Varies && exists.err == nil && unknown.err == nil {
		if strings.Contains(told, names.ID) {
			t.Errorf("the answer has the object %s of the owner: %s", names.ID, told)
		}
		return
	}
	if got, want := exists.text(names.ID), unknown.text(cfg.Unknown.ID); got != want {
		t.Errorf("an object of another user is distinguishable from one that does not exist:\n%s\n%s", got, want)
	}
}

// difference returns the first line that differs, with those around it.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range min(len(old), len(now)) {
		if old[i] != now[i] {
			return strings.Join(old[max(i-1, 0):i+1], " ") + " became " + strings.Join(now[max(i-1, 0):i+1], " ")
		}
	}
	return fmt.Sprintf("%d lines became %d", len(old), len(now))
}

func dial(t *testing.T, address, token string) *grpc.ClientConn {
	t.Helper()
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(auth.StaticCredentials(token)))
	}
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// served returns the methods that the server has, without those of gRPC itself, as reflection lists them.
func served(t *testing.T, conn *grpc.ClientConn) (methods []protoreflect.MethodDescriptor) {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{ListServices: "*"}}
	if err := errors.Join(stream.Send(list), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range answer.GetListServicesResponse().GetService() {
		if strings.HasPrefix(service.GetName(), "grpc.") {
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.GetName()))
		if err != nil {
			t.Fatal(err)
		}
		all := d.(protoreflect.ServiceDescriptor).Methods() //nolint:forcetypeassert // reflection lists services
		for i := range all.Len() {
			methods = append(methods, all.Get(i))
		}
	}
	if len(methods) == 0 {
		t.Fatal("the server has no methods")
	}
	return methods
}

// answer is the result of a call: a first message, or an error.
type answer struct {
	message proto.Message
	err     error
}

// call calls a method of any kind, and returns its first response.
func call(t *testing.T, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, requests []proto.Message) answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: m.IsStreamingServer(), ClientStreams: true}, name)
	if err != nil {
		return answer{err: err}
	}
	for _, r := range requests {
		if err := stream.SendMsg(r); err != nil && !errors.Is(err, io.EOF) {
			return answer{err: err}
		}
	}
	if err := stream.CloseSend(); err != nil {
		return answer{err: err}
	}
	out := dynamicpb.NewMessage(m.Output())
	if err := stream.RecvMsg(out); err != nil && !errors.Is(err, io.EOF) {
		return answer{err: err}
	}
	return answer{message: out}
}

// text returns the answer as text, with "ID" instead of an ID.
func (a answer) text(id string) string {
	text := prototext.Format(a.message)
	if a.err != nil {
		text = prototext.Format(status.Convert(a.err).Proto())
	}
	text = strings.ReplaceAll(text, "  ", " ") // prototext varies its spaces
	if id == "" {
		return text
	}
	return strings.ReplaceAll(text, id, "ID")
}
