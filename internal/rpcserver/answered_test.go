package rpcserver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
)

// uploads receives a file. The name of the file selects how the call ends.
type uploads struct {
	importsv1.UnimplementedImportServiceServer
}

func (uploads) UploadWorkbook(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	for err == nil {
		_, err = stream.Recv()
	}
	switch first.GetOptions().GetFileName() {
	case "hidden":
		return rpcerr.Internal(err)
	case "bare":
		return fmt.Errorf("receive the file: %w", errors.New(err.Error()))
	case "ignored":
		return nil
	}
	return err
}

func TestLogHasTheAnswerOfTheTransport(t *testing.T) {
	for _, name := range []string{"hidden", "bare", "ignored", "returned"} {
		t.Run(name, func(t *testing.T) {
			r := setup(t)
			stream, err := importsv1.NewImportServiceClient(r.conn).UploadWorkbook(t.Context(), r.as(t, "ann", time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{FileName: name}}}); err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: make([]byte, 5<<20)}}); err != nil {
				t.Fatal(err)
			}
			_, err = stream.CloseAndRecv()
			if status.Code(err) != codes.ResourceExhausted {
				t.Fatalf("the answer is %v", err)
			}
			_ = r.stop() // the line is written after the response
			log := r.log.String()
			if strings.Count(log, "call finished") != 1 || !strings.Contains(log, "code=ResourceExhausted") || !strings.Contains(log, "larger than max") || !strings.Contains(log, "level=INFO") {
				t.Errorf("the log has %s", log)
			}
		})
	}
}
