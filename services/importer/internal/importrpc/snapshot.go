package importrpc

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/messages/messagepb"
	"headway/services/importer/internal/follow"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// message returns a snapshot as a message.
func (s *Service) message(of *follow.Snapshot) *importsv1.Import {
	out := s.summary(of.Import, of.Job)
	for i := range of.Latest {
		out.NewestIssues = append(out.NewestIssues, s.issueMessage(&of.Import, &of.Latest[i]))
	}
	for i := range of.RootCauses {
		c := &of.RootCauses[i]
		out.RootCauses = append(out.RootCauses, &importsv1.RootCause{Issue: s.issueMessage(&of.Import, &c.Issue), BlockedRows: c.BlockedRows, Message: c.Message, Text: messagepb.Text(c.Says)})
	}
	return out
}

// summary returns an import without issues and root causes. The sheets' counts are those of the job's steps, or the
// stored ones if the job was purged.
func (s *Service) summary(im imports.Import, job *jobsv1.Job) *importsv1.Import {
	out := &importsv1.Import{
		ImportId: im.ID, Owner: im.Owner, Schema: im.Schema, FileName: im.FileName, SizeBytes: im.SizeBytes, Sha256: im.SHA256,
		OnIssues: onIssuesMessage(im.Policy.OnIssues), Mode: modeMessage(im.Policy.Mode), DryRun: im.Policy.DryRun,
		Committed: im.Committed, Job: job, CreatedAt: timestamppb.New(im.CreatedAt),
	}
	for _, n := range im.Notices {
		out.Notices = append(out.Notices, noticeMessage(n))
	}
	out.TextFormat, out.TextFormats = textFormatMessage(im.Text), textFormatMessages(im.Texts)
	for _, u := range im.Unused {
		out.UnusedSheets = append(out.UnusedSheets, &importsv1.UnusedSheet{Name: u.Name, Hidden: u.Hidden})
	}
	steps := map[string]*jobsv1.Step{}
	for _, step := range job.GetProgress().GetSteps() {
		steps[step.GetName()] = step
	}
	spec, err := s.Schemas.Get(im.Schema)
	if err != nil {
		spec = &schema.Schema{} // it was deleted
	}
	totals := imports.Counts{}
	for _, sheet := range im.Sheets {
		state, counts := jobsv1.StepState_STEP_STATE_PENDING, sheet.Counts
		if step := steps[sheet.Name]; step != nil {
			state, counts = step.GetState(), imports.CountsOf(step.GetCounters())
		} else if im.Ended {
			state = jobsv1.StepState_STEP_STATE_COMPLETED
		}
		title, known := sheet.WorkbookSheet, spec.Sheet(sheet.Name)
		if known != nil {
			title = known.Title
		}
		totals.Add(counts)
		for _, n := range sheet.Notices {
			out.Notices = append(out.Notices, noticeMessage(n))
		}
		message := &importsv1.SheetImport{Name: sheet.Name, Title: title, WorkbookSheet: sheet.WorkbookSheet, State: state,
			Counts: countsMessage(counts), IssueCounts: issueCounts(sheet.Found), Changes: changeMessages(known, sheet.Changes)}
		for _, u := range sheet.Ignored {
			message.UnusedColumns = append(message.UnusedColumns, &importsv1.UnusedColumn{Column: uint32(u.Column), Header: source.Clip([]byte(u.Header), imports.MaxValue)})
		}
		out.Sheets = append(out.Sheets, message)
	}
	out.Totals = countsMessage(totals)
	return out
}

func textFormatMessages(formats map[string]source.TextFormat) map[string]*importsv1.TextFormat {
	out := make(map[string]*importsv1.TextFormat, len(formats))
	for name, f := range formats {
		out[name] = textFormatMessage(&f)
	}
	return out
}

func textFormatMessage(f *source.TextFormat) *importsv1.TextFormat {
	if f == nil {
		return nil
	}
	return &importsv1.TextFormat{Encoding: f.Encoding, Delimiter: f.Delimiter, Quote: f.Quote, Escape: f.Escape,
		LineBreak: f.LineBreak, SkipBlanks: f.SkipBlanks, ByteOrderMark: f.ByteOrderMark, Columns: uint32(f.Columns)}
}

func noticeMessage(n imports.Notice) *importsv1.Notice {
	return &importsv1.Notice{Reason: n.Reason, Message: n.Message, Sheet: n.Sheet, Count: n.Count, Ranges: n.Ranges, Text: messagepb.Text(n.Says)}
}

func countsMessage(c imports.Counts) *importsv1.Counts {
	return &importsv1.Counts{Read: c.Read, Inserted: c.Inserted, Updated: c.Updated, Unchanged: c.Unchanged, Rejected: c.Rejected,
		Blocked: c.Blocked, Skipped: c.Skipped, Issues: c.Issues, Warnings: c.Warnings}
}

// issueCounts lists the counts in the order of the codes, errors first.
func issueCounts(found imports.Found) []*importsv1.IssueCount {
	var counts []*importsv1.IssueCount
	for _, by := range []struct {
		severity importsv1.IssueSeverity
		counts   map[imports.IssueCode]uint32
	}{{importsv1.IssueSeverity_ISSUE_SEVERITY_ERROR, found.Errors}, {importsv1.IssueSeverity_ISSUE_SEVERITY_WARNING, found.Warnings}} {
		for _, code := range slices.Sorted(maps.Keys(by.counts)) {
			counts = append(counts, &importsv1.IssueCount{Code: importsv1.IssueCode(code), Severity: by.severity, Found: by.counts[code]})
		}
	}
	return counts
}

// issueMessage returns an issue of an import as a message.
func (s *Service) issueMessage(im *imports.Import, is *imports.Issue) *importsv1.Issue {
	var location *importsv1.Location
	if p, ok := im.LocationOf(is); ok {
		location = messagepb.Location(p)
	}
	return &importsv1.Issue{Sheet: is.Sheet, Cell: is.Cell, Row: uint32(is.Row), Column: is.Column, ColumnTitle: s.columnTitle(im, is), Value: is.Value,
		Severity: importsv1.IssueSeverity(is.Severity), Code: importsv1.IssueCode(is.Code), Message: is.Message,
		Text: messagepb.Text(is.Says), Location: location}
}

// columnTitle returns the header of an issue's column, or its title in the schema if the file does not have it.
func (s *Service) columnTitle(im *imports.Import, is *imports.Issue) string {
	for i := range im.Sheets {
		for _, c := range im.Sheets[i].Columns {
			if im.Sheets[i].Name == is.Sheet && c.Name == is.Column {
				return source.Clip([]byte(c.Header), imports.MaxValue)
			}
		}
	}
	if spec, err := s.Schemas.Get(im.Schema); err == nil && spec.Sheet(is.Sheet) != nil {
		if c, _ := spec.Sheet(is.Sheet).Column(is.Column); c != nil {
			return c.Title
		}
	}
	return is.Column // the schema was changed or deleted
}

// The domain's policies, modes, severities, and codes have the same numbers as the protos. A test checks this.

func onIssuesMessage(o imports.OnIssues) importsv1.OnIssues { return importsv1.OnIssues(o) }

func modeMessage(m imports.Mode) importsv1.ImportMode { return importsv1.ImportMode(m) }
