package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"headway/cmd/internal/program"
	"headway/cmd/internal/terminal"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// exitWaiting means that the import needs a decision, and that standard input is not a terminal to ask at.
const exitWaiting = 3

// chunkBytes is the number of bytes of a workbook in one message.
const chunkBytes = 256 << 10

// importCommand uploads a workbook, shows the progress of its import, and asks for a decision if the import needs one.
type importCommand struct {
	connectFlags
	textFlags
	Files           []string `arg:"" name:"file" help:"Workbook, text file (CSV), or zip archive of text files to import. Several text files are the sheets of one import. A hyphen (-) means standard input." type:"existingfile"`
	Schema          string   `help:"Schema to check the workbook against." default:"workforce"`
	OnIssues        string   `help:"What to do if rows have errors: abort, skip_rows, or review. The default is review at a terminal, and abort otherwise." enum:"abort,skip_rows,review,default" default:"default"`
	Mode            string   `help:"Whether rows can be added and updated (upsert), only added (insert_only), or only updated (update_only)." enum:"upsert,insert_only,update_only" default:"upsert"`
	DryRun          bool     `help:"Test only: check the whole workbook, and save nothing."`
	RequestID       string   `help:"ID that makes the upload safe to repeat: the same ID and file return the same import." placeholder:"ID"`
	Report          string   `help:"Write the rows with errors to this workbook, to be fixed and imported again." placeholder:"FILE"`
	Imported        string   `help:"Write the imported rows, each with its result, to this workbook." placeholder:"FILE"`
	Mapping         string   `help:"JSON or YAML file that assigns sheets and headers that are not found by name, as in the REST API." placeholder:"FILE" type:"existingfile"`
	JobsAddress     string   `help:"Address of the jobs service. Several replicas are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	ImporterAddress string   `help:"Address of the importer." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// Run exits with 0 if the import is done, 1 if it failed, 2 if the upload was refused, and 3 if it needs a decision.
func (c *importCommand) Run(ctx context.Context) error {
	importerConn, err := c.dial(c.ImporterAddress)
	if err != nil {
		return err
	}
	defer importerConn.Close()
	jobsConn, err := c.dial(c.JobsAddress)
	if err != nil {
		return err
	}
	defer jobsConn.Close()
	imports, jobs := importsv1.NewImportServiceClient(importerConn), jobsv1.NewJobServiceClient(jobsConn)

	accepted, err := c.upload(ctx, imports)
	if err != nil {
		return callError(err)
	}
	id := accepted.GetImportId()
	for _, notice := range accepted.GetNotices() {
		if notice.GetSheet() == "" {
			fmt.Fprintln(os.Stderr, notice.GetMessage())
		}
	}
	fmt.Println(id)
	job, err := c.finish(ctx, imports, jobs, id)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "The import is still running. To watch it again, run: headway watch %s\n", id)
		return &program.ExitError{Code: program.ExitFailed}
	}
	if err != nil {
		return callError(err)
	}
	if err := c.summarize(ctx, imports, id); err != nil {
		return callError(err)
	}
	if job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING {
		fmt.Fprintf(os.Stderr, "The import needs your decision. Open it in the web UI, or call ConfirmImport for the import %s.\n", id)
		return &program.ExitError{Code: exitWaiting}
	}
	return exitOf(job)
}

// upload streams the files. It returns the accepted import.
func (c *importCommand) upload(ctx context.Context, imports importsv1.ImportServiceClient) (*importsv1.Import, error) {
	options := &importsv1.UploadOptions{
		Schema: c.Schema, DryRun: c.DryRun, RequestId: c.RequestID,
		OnIssues: c.onIssues(), Mode: importsv1.ImportMode(importsv1.ImportMode_value["IMPORT_MODE_"+strings.ToUpper(c.Mode)]),
	}
	var err error
	if options.Mapping, err = readMapping(c.Mapping); err != nil {
		return nil, err
	}
	if err := errors.Join(c.set(options), inputFiles(c.Files).describe(options)); err != nil {
		return nil, err
	}
	stream, err := imports.UploadWorkbook(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}}); ignoreResponse(err) != nil {
		return nil, err
	}
	err = inputFiles(c.Files).send(func(data []byte) error {
		return stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: data}})
	}, func(next *importsv1.NextFile) error {
		return stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_NextFile{NextFile: next}})
	})
	if err != nil {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetImport(), err
}

// readMapping reads a file with a list of headway.imports.v1.SheetMapping, in JSON or YAML. An empty path has no mapping.
func readMapping(path string) ([]*importsv1.SheetMapping, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if !json.Valid(data) {
		if data, err = yamlToJSON(data, (&importsv1.SheetMapping{}).ProtoReflect().Descriptor()); err != nil {
			return nil, fmt.Errorf("%s must be a list of objects in JSON or YAML: %w", path, err)
		}
	}
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("%s must be a list of objects such as {\"sheet\":\"employees\",\"workbookSheet\":\"Staff\",\"columns\":{\"code\":\"No.\"}}: %w", path, err)
	}
	list := make([]*importsv1.SheetMapping, len(entries))
	for i, entry := range entries {
		list[i] = &importsv1.SheetMapping{}
		if err := protojson.Unmarshal(entry, list[i]); err != nil {
			return nil, fmt.Errorf("%s, entry %d: %w", path, i+1, err)
		}
	}
	return list, nil
}

// yamlToJSON converts a list of messages. All of their values are texts, such as a header 2026, except for those of boolean fields.
func yamlToJSON(data []byte, message protoreflect.MessageDescriptor) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	for _, list := range document.Content {
		for _, entry := range list.Content {
			markTexts(entry, message)
		}
	}
	var value any
	if err := document.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// markTexts marks the values of a message as texts. Without a message, all values are.
func markTexts(node *yaml.Node, message protoreflect.MessageDescriptor) {
	if node.Kind == yaml.ScalarNode {
		node.Tag = "!!str"
	}
	if node.Kind != yaml.MappingNode || message == nil {
		for _, child := range node.Content {
			markTexts(child, message)
		}
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		markTexts(key, nil)
		field := message.Fields().ByJSONName(key.Value)
		if field == nil {
			field = message.Fields().ByName(protoreflect.Name(key.Value))
		}
		switch {
		case field == nil:
			markTexts(value, nil)
		case field.IsMap():
			for j, child := range value.Content {
				if j%2 == 0 {
					markTexts(child, nil)
				} else {
					markTexts(child, field.MapValue().Message())
				}
			}
		case field.Kind() != protoreflect.BoolKind:
			markTexts(value, field.Message())
		}
	}
}

func (c *importCommand) onIssues() importsv1.OnIssues {
	if c.OnIssues == "default" {
		if terminal.IsTerminal(os.Stdin) && terminal.IsTerminal(os.Stderr) {
			return importsv1.OnIssues_ON_ISSUES_REVIEW
		}
		return importsv1.OnIssues_ON_ISSUES_ABORT
	}
	return importsv1.OnIssues(importsv1.OnIssues_value["ON_ISSUES_"+strings.ToUpper(c.OnIssues)])
}

// finish watches the import until it ends. At a terminal, it asks for the decision of a review.
func (c *importCommand) finish(ctx context.Context, imports importsv1.ImportServiceClient, jobs jobsv1.JobServiceClient, id string) (*jobsv1.Job, error) {
	waiting := func(job *jobsv1.Job) bool { return job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING }
	for {
		job, err := follow(ctx, jobs, id, waiting)
		if err != nil || !waiting(job) || !terminal.IsTerminal(os.Stdin) {
			return job, err
		}
		if err := c.summarize(ctx, imports, id); err != nil {
			return job, err
		}
		commit, err := ask("Import the valid rows and skip the others? [y/N] ")
		if err != nil {
			return job, err
		}
		if _, err := imports.ConfirmImport(ctx, &importsv1.ConfirmImportRequest{ImportId: id, Commit: commit, QuestionRevision: new(job.GetRevision())}); err != nil {
			return job, err
		}
	}
}

func ask(question string) (bool, error) {
	fmt.Fprint(os.Stderr, question)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// summarize prints the counts, the errors, and the warnings, and writes the requested reports.
func (c *importCommand) summarize(ctx context.Context, imports importsv1.ImportServiceClient, id string) error {
	response, err := imports.GetImport(ctx, &importsv1.GetImportRequest{ImportId: id})
	if err != nil {
		return err
	}
	imported := response.GetImport()
	n := imported.GetTotals()
	fmt.Fprintf(os.Stderr, "%d rows read = %d inserted + %d updated + %d unchanged + %d rejected + %d blocked + %d skipped\n",
		n.GetRead(), n.GetInserted(), n.GetUpdated(), n.GetUnchanged(), n.GetRejected(), n.GetBlocked(), n.GetSkipped())
	printChanges(os.Stderr, imported)
	for _, notice := range imported.GetNotices() {
		if notice.GetSheet() != "" { // the others were shown after the upload
			fmt.Fprintf(os.Stderr, "  %s\n", notice.GetMessage())
		}
	}
	for _, sheet := range imported.GetUnusedSheets() {
		fmt.Fprintf(os.Stderr, "  The sheet “%s” was not imported.\n", sheet.GetName())
	}
	for _, cause := range imported.GetRootCauses() {
		fmt.Fprintf(os.Stderr, "  %s\n", cause.GetMessage())
	}
	if c.Imported != "" && imported.GetCommitted() {
		if err := download(ctx, imports, id, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, c.Imported); err != nil {
			return err
		}
	}
	if n.GetIssues()+n.GetWarnings() == 0 {
		return nil
	}
	issues, err := imports.ListIssues(ctx, &importsv1.ListIssuesRequest{ImportId: id, PageSize: 10})
	if err != nil {
		return err
	}
	for _, issue := range issues.GetIssues() {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", issue.GetCell(), issue.GetMessage())
	}
	if more := int(issues.GetFound()) - len(issues.GetIssues()); more > 0 {
		fmt.Fprintf(os.Stderr, "  … and %d more\n", more)
	}
	if c.Report == "" || n.GetIssues() == 0 {
		return nil
	}
	return download(ctx, imports, id, importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, c.Report)
}

// download writes a report to a file, or leaves none.
func download(ctx context.Context, imports importsv1.ImportServiceClient, id string, format importsv1.ReportFormat, path string) error {
	stream, err := imports.DownloadReport(ctx, &importsv1.DownloadReportRequest{ImportId: id, Format: format})
	if err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error {
		for {
			chunk, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := w.Write(chunk.GetBody().GetData()); err != nil {
				return err
			}
		}
	})
}
