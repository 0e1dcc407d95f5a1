package importrpc

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/messages/messagepb"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/mapping"
)

// PreviewFile implements headway.imports.v1.ImportService.
func (s *Service) PreviewFile(stream grpc.ClientStreamingServer[importsv1.PreviewFileRequest, importsv1.PreviewFileResponse]) error {
	ctx := stream.Context()
	options, err := receiveOptions[*importsv1.PreviewFileRequest](stream)
	if err != nil {
		return toStatus(err)
	}
	if err := s.mayImport(ctx, cmp.Or(options.GetSchema(), intake.DefaultSchema)); err != nil {
		return err
	}
	preview, err := s.Intake.Preview(ctx, requestOf(ctx, options, &body[*importsv1.PreviewFileRequest]{stream: stream}))
	if err != nil {
		return toStatus(err)
	}
	return stream.SendAndClose(&importsv1.PreviewFileResponse{Preview: previewMessage(&preview)})
}

func previewMessage(p *intake.Preview) *importsv1.FilePreview {
	out := &importsv1.FilePreview{Schema: p.Schema.Name, FileName: p.FileName, Certain: p.Certain, TextFormat: textFormatMessage(p.Text), TextFormats: textFormatMessages(p.Texts)}
	if p.Problem != nil {
		_, reason := layoutReason(p.Problem.Problem)
		out.ProblemReason, out.Problem = rpcerr.Word(reason), p.Problem.Error()
	}
	if !p.RememberedAt.IsZero() {
		out.RememberedAt = timestamppb.New(p.RememberedAt)
	}
	for i := range p.Sheets {
		sheet := &p.Sheets[i]
		m := &importsv1.PreviewSheet{Name: sheet.Name, Hidden: sheet.Hidden, HeaderRow: uint32(sheet.HeaderRow), File: sheet.File, TableOf: sheet.Of}
		for _, c := range sheet.Columns {
			m.Columns = append(m.Columns, &importsv1.PreviewColumn{Column: uint32(c.Column), Header: c.Header, Values: c.Values})
		}
		out.Sheets = append(out.Sheets, m)
	}
	for _, o := range p.Proposals {
		m := &importsv1.SheetProposal{Sheet: o.Sheet, WorkbookSheet: o.FileSheet}
		mapped := &importsv1.SheetMapping{}
		columns := map[string]string{}
		if i := slices.IndexFunc(p.Mapping, func(m imports.SheetMapping) bool { return m.Sheet == o.Sheet }); i >= 0 {
			mapped = mappingMessage(&p.Mapping[i])
			maps.Copy(columns, p.Mapping[i].Columns) // with those that are left out
		}
		mapped.Sheet, mapped.WorkbookSheet, mapped.Columns = o.Sheet, o.FileSheet, columns
		isTable := slices.ContainsFunc(p.Sheets, func(f mapping.FileSheet) bool { return f.Name == o.FileSheet && f.Of != "" })
		if p.Text != nil && !isTable {
			mapped.WorkbookSheet = "" // the next file has another name
		}
		for _, c := range o.Columns {
			proposal := &importsv1.ColumnProposal{Column: c.Name, Header: c.Header, Score: c.Score,
				Reason: importsv1.ProposalReason(c.Reason), Sure: c.Sure, ReadingSure: c.ReadingSure}
			if m := c.Mixed; m != (mapping.MixedDecimals{}) {
				proposal.MixedDecimals = &importsv1.MixedDecimals{Comma: uint32(m.Comma), Point: uint32(m.Point), Either: uint32(m.Either)}
			}
			for _, r := range c.Readings {
				proposal.Readings = append(proposal.Readings, &importsv1.Reading{Rules: rulesMessage(r.Rules), Cell: r.Cell, Value: r.Value})
			}
			for _, sample := range c.Samples {
				proposal.Samples = append(proposal.Samples, &importsv1.SampleValue{Cell: sample.Cell, Value: sample.Value, Problem: sample.Says.English(), Code: importsv1.IssueCode(sample.Code), Text: messagepb.Text(sample.Says)})
			}
			m.Columns = append(m.Columns, proposal)
			if joined := slices.ContainsFunc(o.Joins, func(j imports.ColumnJoin) bool { return j.Column == c.Name }); c.Sure || c.Score >= mapping.LikelyColumn {
				if !joined {
					mapped.Columns[c.Name] = c.Header
				}
				if len(c.Readings) > 0 && c.ReadingSure && mapped.GetRules()[c.Name] == nil {
					mapped.Rules = withRule(mapped.GetRules(), c.Name, proposal.GetReadings()[0].GetRules())
				}
			}
		}
		for _, j := range o.Joins {
			mapped.Joins = append(mapped.Joins, &importsv1.ColumnJoin{Column: j.Column, Headers: j.Headers, Separator: j.Separator, Negated: j.Negated})
		}
		out.Proposals, out.Mapping = append(out.Proposals, m), append(out.Mapping, mapped)
	}
	out.Mapping = append(out.Mapping, absentSheets(p)...)
	return out
}

// withRule adds the rules of a column.
func withRule(rules map[string]*importsv1.ValueRules, column string, own *importsv1.ValueRules) map[string]*importsv1.ValueRules {
	if rules == nil {
		rules = map[string]*importsv1.ValueRules{}
	}
	rules[column] = own
	return rules
}

// absentSheets returns entries for the sheets of the schema that the file does not have: those that the mapping leaves out, and those
// of a workbook that it would otherwise have to have.
func absentSheets(p *intake.Preview) (entries []*importsv1.SheetMapping) {
	isText := p.Text != nil || len(p.Texts) > 0
	for _, sheet := range p.Schema.Sheets {
		if slices.ContainsFunc(p.Proposals, func(o mapping.Proposal) bool { return o.Sheet == sheet.Name }) {
			continue
		}
		leftOut := slices.ContainsFunc(p.Mapping, func(m imports.SheetMapping) bool { return m.Sheet == sheet.Name && m.Absent })
		if leftOut || len(p.Proposals) > 0 && !sheet.Optional && !isText {
			entries = append(entries, &importsv1.SheetMapping{Sheet: sheet.Name, Absent: true})
		}
	}
	return entries
}
