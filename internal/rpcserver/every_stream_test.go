package rpcserver_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcserver"
)

const someID = "01890a5d-ac96-774b-bcce-b302099a8057"

// serverStreams are the methods with a stream of responses, with a valid request of each. Those without a request need no token, so they
// don't end with one, and have the limits of a connection instead of a user.
var serverStreams = map[string]proto.Message{
	jobsv1.JobService_WatchJob_FullMethodName:             &jobsv1.WatchJobRequest{JobId: someID},
	jobsv1.JobService_WatchJobs_FullMethodName:            &jobsv1.WatchJobsRequest{},
	jobsv1.JobService_ReadOutput_FullMethodName:           &jobsv1.ReadOutputRequest{JobId: someID},
	importsv1.ImportService_WatchImport_FullMethodName:    &importsv1.WatchImportRequest{ImportId: someID},
	importsv1.ImportService_DownloadReport_FullMethodName: &importsv1.DownloadReportRequest{ImportId: someID},
	importsv1.ImportService_GetTemplate_FullMethodName:    &importsv1.GetTemplateRequest{Schema: "employees"},
	importsv1.ImportService_GetSample_FullMethodName:      &importsv1.GetSampleRequest{Schema: "employees"},

	healthv1.Health_Watch_FullMethodName:                                   nil,
	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      nil,
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: nil,
}

// anyServer has all methods of the services, which do the same.
type anyServer struct {
	handle func(grpc.ServerStream) error
}

// register registers a service with its methods that stream responses.
func (s anyServer) register(server *grpc.Server, service protoreflect.ServiceDescriptor) {
	desc := grpc.ServiceDesc{ServiceName: string(service.FullName()), HandlerType: (*any)(nil)}
	for i := range service.Methods().Len() {
		m := service.Methods().Get(i)
		if !m.IsStreamingServer() {
			continue
		}
		desc.Streams = append(desc.Streams, grpc.StreamDesc{StreamName: string(m.Name()), ServerStreams: true, ClientStreams: m.IsStreamingClient(),
			Handler: func(_ any, stream grpc.ServerStream) error {
				if err := stream.RecvMsg(dynamicpb.NewMessage(m.Input())); err != nil {
					return err
				}
				return s.handle(stream)
			}})
	}
	server.RegisterService(&desc, s)
}

// streamCall is what a test needs for calls of a method.
type streamCall struct {
	*framed
	method, token string
	request       []byte
	// ended receives the result of the handler.
	ended chan error
}

// start begins a call, with its request.
func (c streamCall) start() uint32 {
	c.t.Helper()
	id := c.begin(c.method, c.token)
	if err := c.WriteData(id, true, c.request); err != nil {
		c.t.Fatal(err)
	}
	return id
}

// eachServerStream tests all methods with a stream of responses that a user calls.
func eachServerStream(t *testing.T, handle func(grpc.ServerStream) error, ttl time.Duration, test func(t *testing.T, c streamCall)) {
	t.Helper()
	var services []protoreflect.ServiceDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			services = append(services, file.Services().Get(i))
		}
		return true
	})
	tested := 0
	for _, service := range services {
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			method := "/" + string(service.FullName()) + "/" + string(m.Name())
			if !m.IsStreamingServer() {
				continue
			}
			request, known := serverStreams[method]
			if !known {
				t.Errorf("%s has no entry in serverStreams", method)
				continue
			}
			if request == nil {
				continue
			}
			tested++
			t.Run(string(m.Name()), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
					if err != nil {
						t.Fatal(err)
					}
					server, err := rpcserver.New(rpcserver.Config{Service: "any", Verifier: key, Logger: slog.New(slog.DiscardHandler), StreamsPerUser: 1})
					if err != nil {
						t.Fatal(err)
					}
					ended := make(chan error, 1)
					anyServer{func(stream grpc.ServerStream) error {
						err := handle(stream)
						ended <- err
						return err
					}}.register(server.GRPC, service)
					lis := bufconn.Listen(1 << 16)
					ctx, cancel := context.WithCancel(context.Background())
					served := make(chan error, 1)
					go func() { served <- server.Serve(ctx, lis) }()
					defer func() { cancel(); <-served }()
					token, err := key.Sign(auth.Identity{Subject: "ann"}, ttl)
					if err != nil {
						t.Fatal(err)
					}
					raw, err := lis.Dial()
					if err != nil {
						t.Fatal(err)
					}
					defer raw.Close()
					body, err := proto.Marshal(request)
					if err != nil {
						t.Fatal(err)
					}
					test(t, streamCall{speak(t, raw), method, "Bearer " + token, append([]byte{0, 0, 0, 0, byte(len(body))}, body...), ended})
				})
			})
		}
	}
	if want := len(serverStreams) - 3; tested != want {
		t.Errorf("%d methods are tested, and %d have an entry", tested, want)
	}
}

// untilEnd is the handler of a stream that has nothing to send.
func untilEnd(stream grpc.ServerStream) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// ends fails the test unless the call ends.
func (f *framed) ends(id uint32, want codes.Code) {
	f.t.Helper()
	if err := f.raw.SetReadDeadline(time.Now().Add(3 * time.Hour)); err != nil {
		f.t.Fatal(err)
	}
	if got := f.code(id); got != want {
		f.t.Errorf("ended with %v instead of %v", got, want)
	}
}

func TestEveryStreamEndsWithItsToken(t *testing.T) {
	eachServerStream(t, untilEnd, time.Hour, func(_ *testing.T, c streamCall) { c.ends(c.start(), codes.Unauthenticated) })
}

func TestEveryStreamEndsWithoutItsRequest(t *testing.T) {
	eachServerStream(t, untilEnd, 24*time.Hour, func(_ *testing.T, c streamCall) { c.ends(c.begin(c.method, c.token), codes.Canceled) })
}

func TestEveryStreamCountsForItsUser(t *testing.T) {
	eachServerStream(t, untilEnd, time.Hour, func(_ *testing.T, c streamCall) {
		c.start()
		synctest.Wait()
		c.ends(c.start(), codes.ResourceExhausted)
	})
}

func TestEveryStreamEndsForStalledReader(t *testing.T) {
	send := func(stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		name := protoreflect.FullName(strings.ReplaceAll(method[1:], "/", "."))
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if err != nil {
			return err
		}
		response := dynamicpb.NewMessage(found.(protoreflect.MethodDescriptor).Output()) //nolint:forcetypeassert // it is a method
		for err == nil {
			err = stream.SendMsg(response)
		}
		return err
	}
	eachServerStream(t, send, 24*time.Hour, func(t *testing.T, c streamCall) {
		c.start()
		pings := c.pings()
		for end := time.After(12 * time.Hour); ; {
			select {
			case ping := <-pings:
				if err := c.WritePing(true, ping); err != nil {
					t.Fatal(err)
				}
			case err := <-c.ended:
				if !strings.Contains(err.Error(), "read fewer than") {
					t.Error(err)
				}
				return
			case <-end:
				t.Error("still sending after half a day")
				return
			}
		}
	})
}
