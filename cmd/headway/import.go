package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"headway/cmd/internal/program"
	"headway/cmd/internal/terminal"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// exitWaiting: the import waits for a decision that nobody is there to take.
const exitWaiting = 3

// uploadPiece is how many bytes of a workbook go into one message.
const uploadPiece = 256 << 10

// importCommand uploads a workbook, shows its import, and asks for the decision where one is needed.
type importCommand struct {
	connectFlags
	File            string `arg:"" help:"The workbook." type:"existingfile"`
	Schema          string `help:"The schema to check against." default:"workforce"`
	OnIssues        string `help:"What happens when rows have issues: abort, skip-rows or review. Review at a terminal, abort elsewhere." enum:"abort,skip-rows,review,default" default:"default"`
	Mode            string `help:"What rows may do: upsert, insert-only or update-only." enum:"upsert,insert-only,update-only" default:"upsert"`
	DryRun          bool   `help:"Do everything, and roll back."`
	RequestID       string `help:"Makes uploading safe to repeat: the same id and file give the same import." placeholder:"ID"`
	Report          string `help:"Save the report of rejected and blocked rows here." placeholder:"FILE"`
	Imported        string `help:"Save the imported rows here, each with what happened to it." placeholder:"FILE"`
	JobsAddress     string `help:"Where the jobs service answers." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	ImporterAddress string `help:"Where the importer answers." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// Run exits with 0 when the import is done, 1 when it failed, 2 when the upload was refused, 3 when it waits for a
// decision.
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
		fmt.Fprintln(os.Stderr, notice.GetMessage())
	}
	fmt.Println(id)
	job, err := c.finish(ctx, imports, jobs, id)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "The import goes on. Watch it again with: headway watch %s\n", id)
		return &program.ExitError{Code: program.ExitFailed}
	}
	if err != nil {
		return callError(err)
	}
	if err := c.tell(ctx, imports, id); err != nil {
		return callError(err)
	}
	if job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING {
		fmt.Fprintln(os.Stderr, "The import waits for a decision: open the page, or call ConfirmImport.")
		return &program.ExitError{Code: exitWaiting}
	}
	return outcome(job)
}

// upload streams the file, and gives the accepted import.
func (c *importCommand) upload(ctx context.Context, imports importsv1.ImportServiceClient) (*importsv1.Import, error) {
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	stream, err := imports.UploadWorkbook(ctx)
	if err != nil {
		return nil, err
	}
	options := &importsv1.UploadOptions{
		Schema: c.Schema, FileName: filepath.Base(c.File), SizeBytes: info.Size(), DryRun: c.DryRun, RequestId: c.RequestID,
		OnIssues: c.onIssues(), Mode: importsv1.ImportMode(importsv1.ImportMode_value["IMPORT_MODE_"+enumName(c.Mode)]),
	}
	err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	piece := make([]byte, uploadPiece)
	for err == nil {
		var n int
		if n, err = io.ReadFull(file, piece); n > 0 {
			sendErr := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: piece[:n]}})
			if sendErr != nil {
				err = sendErr
			}
		}
	}
	// io.EOF is either the file's end, or the service's word that it has already answered.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetImport(), err
}

func (c *importCommand) onIssues() importsv1.OnIssues {
	if c.OnIssues == "default" {
		if terminal.IsTerminal(os.Stdin) && terminal.IsTerminal(os.Stderr) {
			return importsv1.OnIssues_ON_ISSUES_REVIEW
		}
		return importsv1.OnIssues_ON_ISSUES_ABORT
	}
	return importsv1.OnIssues(importsv1.OnIssues_value["ON_ISSUES_"+enumName(c.OnIssues)])
}

func enumName(word string) string { return strings.ToUpper(strings.ReplaceAll(word, "-", "_")) }

// finish follows the import to its end, and through its review where somebody is there to decide.
func (c *importCommand) finish(ctx context.Context, imports importsv1.ImportServiceClient, jobs jobsv1.JobServiceClient, id string) (*jobsv1.Job, error) {
	waiting := func(job *jobsv1.Job) bool { return job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING }
	for {
		job, err := follow(ctx, jobs, id, waiting)
		if err != nil || !waiting(job) || !terminal.IsTerminal(os.Stdin) {
			return job, err
		}
		if err := c.tell(ctx, imports, id); err != nil {
			return job, err
		}
		commit, err := ask("Commit the valid rows and leave out the others? [y/N] ")
		if err != nil {
			return job, err
		}
		if _, err := imports.ConfirmImport(ctx, &importsv1.ConfirmImportRequest{ImportId: id, Commit: commit}); err != nil {
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

// tell prints the numbers, the faults behind them, and saves the reports that are asked for.
func (c *importCommand) tell(ctx context.Context, imports importsv1.ImportServiceClient, id string) error {
	response, err := imports.GetImport(ctx, &importsv1.GetImportRequest{ImportId: id})
	if err != nil {
		return err
	}
	imported := response.GetImport()
	n := imported.GetTotals()
	fmt.Fprintf(os.Stderr, "%d rows read = %d inserted + %d updated + %d unchanged + %d rejected + %d blocked + %d skipped\n",
		n.GetRead(), n.GetInserted(), n.GetUpdated(), n.GetUnchanged(), n.GetRejected(), n.GetBlocked(), n.GetSkipped())
	for _, cause := range imported.GetRootCauses() {
		fmt.Fprintf(os.Stderr, "  %s\n", cause.GetMessage())
	}
	if c.Imported != "" && imported.GetCommitted() {
		if err := download(ctx, imports, id, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, c.Imported); err != nil {
			return err
		}
	}
	if n.GetIssues() == 0 {
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
	if c.Report == "" {
		return nil
	}
	return download(ctx, imports, id, importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, c.Report)
}

// download writes a report to a file.
func download(ctx context.Context, imports importsv1.ImportServiceClient, id string, format importsv1.ReportFormat, path string) error {
	stream, err := imports.DownloadReport(ctx, &importsv1.DownloadReportRequest{ImportId: id, Format: format})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file.Close()
		}
		if err != nil {
			return err
		}
		if _, err := file.Write(piece.GetBody().GetData()); err != nil {
			return err
		}
	}
}
