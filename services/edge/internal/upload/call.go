package upload

import (
	"context"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
)

// fileCall is a call of the importer that takes a file.
type fileCall interface {
	open(ctx context.Context) error
	// send sends the options, or bytes if there are none. It returns io.EOF if the importer has already answered.
	send(options *importsv1.UploadOptions, data []byte) error
	// next begins the next file. It returns io.EOF if the importer has already answered.
	next(file *importsv1.NextFile) error
	// finish waits for the response.
	finish() error
}

// importCall imports the file.
type importCall struct {
	imports  importsv1.ImportServiceClient
	stream   grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]
	response *importsv1.UploadWorkbookResponse
}

func (c *importCall) open(ctx context.Context) (err error) {
	c.stream, err = c.imports.UploadWorkbook(ctx)
	return err
}

func (c *importCall) send(options *importsv1.UploadOptions, data []byte) error {
	if options != nil {
		return c.stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	}
	return c.stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: data}})
}

func (c *importCall) next(file *importsv1.NextFile) error {
	return c.stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_NextFile{NextFile: file}})
}

func (c *importCall) finish() (err error) {
	c.response, err = c.stream.CloseAndRecv()
	return err
}

// previewCall previews the file.
type previewCall struct {
	imports  importsv1.ImportServiceClient
	stream   grpc.ClientStreamingClient[importsv1.PreviewFileRequest, importsv1.PreviewFileResponse]
	response *importsv1.PreviewFileResponse
}

func (c *previewCall) open(ctx context.Context) (err error) {
	c.stream, err = c.imports.PreviewFile(ctx)
	return err
}

func (c *previewCall) send(options *importsv1.UploadOptions, data []byte) error {
	if options != nil {
		return c.stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}})
	}
	return c.stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: data}})
}

func (c *previewCall) next(file *importsv1.NextFile) error {
	return c.stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_NextFile{NextFile: file}})
}

func (c *previewCall) finish() (err error) {
	c.response, err = c.stream.CloseAndRecv()
	return err
}
