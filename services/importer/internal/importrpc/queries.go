package importrpc

import (
	"context"
	"encoding/base64"
	"fmt"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/follow"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// GetImport implements headway.imports.v1.ImportService.
func (s *Service) GetImport(ctx context.Context, r *importsv1.GetImportRequest) (*importsv1.GetImportResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	if _, err := s.visible(ctx, r.GetImportId()); err != nil {
		return nil, toStatus(err)
	}
	snapshot, err := s.Follow.Current(ctx, r.GetImportId())
	if err != nil {
		return nil, toStatus(err)
	}
	out := s.message(snapshot)
	out.Mapping = mappingMessages(snapshot.Import.Mapping)
	addSamples(out, &snapshot.Import)
	return &importsv1.GetImportResponse{Import: out}, nil
}

// WatchImport implements headway.imports.v1.ImportService.
func (s *Service) WatchImport(r *importsv1.WatchImportRequest, stream grpc.ServerStreamingServer[importsv1.WatchImportResponse]) error {
	ctx := stream.Context()
	if err := mayRead(ctx); err != nil {
		return err
	}
	if _, err := s.visible(ctx, r.GetImportId()); err != nil {
		return toStatus(err)
	}
	var sent error
	err := s.Follow.Watch(ctx, r.GetImportId(), r.GetAfterRevision(), func(snapshot *follow.Snapshot) error {
		sent = stream.Send(&importsv1.WatchImportResponse{Import: s.message(snapshot)})
		return sent
	})
	if sent != nil {
		return sent
	}
	return toStatus(err)
}

// ConfirmImport implements headway.imports.v1.ImportService.
func (s *Service) ConfirmImport(ctx context.Context, r *importsv1.ConfirmImportRequest) (*importsv1.ConfirmImportResponse, error) {
	im, err := s.visible(ctx, r.GetImportId())
	if err != nil {
		return nil, toStatus(err)
	}
	if err := s.mayDecide(ctx, im.Schema, r.GetCommit()); err != nil {
		return nil, err
	}
	if err := s.Review.Decide(ctx, im.ID, r.GetCommit(), r.QuestionRevision); err != nil {
		return nil, toStatus(err)
	}
	snapshot, err := s.Follow.Current(ctx, im.ID)
	if err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.ConfirmImportResponse{Import: s.message(snapshot)}, nil
}

// concurrentJobs is how many jobs a list requests at a time.
const concurrentJobs = 8

// ListImports implements headway.imports.v1.ImportService.
func (s *Service) ListImports(ctx context.Context, r *importsv1.ListImportsRequest) (*importsv1.ListImportsResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	before, err := decodeToken(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = 50
	}
	list, err := s.Store.List(ctx, caller(ctx).Subject, before, size+1)
	if err != nil {
		return nil, toStatus(err)
	}
	answer := &importsv1.ListImportsResponse{}
	if len(list) > size {
		list = list[:size]
		answer.NextPageToken = encodeToken(list[size-1].ID)
	}
	answer.Imports = make([]*importsv1.Import, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentJobs)
	for i, im := range list {
		group.Go(func() error {
			job, err := s.Follow.Job(ctx, im.ID)
			answer.Imports[i] = s.summary(im, job)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, toStatus(err)
	}
	return answer, nil
}

// ListIssues implements headway.imports.v1.ImportService.
func (s *Service) ListIssues(ctx context.Context, r *importsv1.ListIssuesRequest) (*importsv1.ListIssuesResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	im, err := s.visible(ctx, r.GetImportId())
	if err != nil {
		return nil, toStatus(err)
	}
	filter := imports.IssueFilter{Sheet: r.GetSheet(), Code: imports.IssueCode(r.GetCode()), Severity: imports.Severity(r.GetSeverity()),
		Search: r.GetSearch(), Limit: int(r.GetPageSize())}
	if r.GetPageToken() != "" {
		token, err := decodeToken(r.GetPageToken())
		if err != nil {
			return nil, err
		}
		at := &filter.After
		if _, err := fmt.Sscanf(token, "%d.%d.%d.%d", &at.Sheet, &at.Row, &at.Column, &at.Serial); err != nil {
			return nil, errPageToken()
		}
	}
	page, err := s.Store.Issues(ctx, im.ID, filter)
	if err != nil {
		return nil, toStatus(err)
	}
	job, err := s.Follow.Job(ctx, im.ID)
	if err != nil {
		return nil, toStatus(err)
	}
	totals := s.summary(im, job).GetTotals()
	answer := &importsv1.ListIssuesResponse{Matching: uint32(page.Matching), Found: totals.GetIssues() + totals.GetWarnings()}
	for i := range page.Issues {
		answer.Issues = append(answer.Issues, s.issueMessage(&im, &page.Issues[i]))
	}
	if n := page.Next; n != nil {
		answer.NextPageToken = encodeToken(fmt.Sprintf("%d.%d.%d.%d", n.Sheet, n.Row, n.Column, n.Serial))
	}
	return answer, nil
}

// ListSchemas implements headway.imports.v1.ImportService.
func (s *Service) ListSchemas(ctx context.Context, _ *importsv1.ListSchemasRequest) (*importsv1.ListSchemasResponse, error) {
	answer := &importsv1.ListSchemasResponse{}
	for _, sc := range s.Schemas.List() {
		if id := caller(ctx); id.MayImport(sc.Name) && s.MayUse(sc.Name, id.Subject) {
			answer.Schemas = append(answer.Schemas, schemaMessage(sc))
		}
	}
	return answer, nil
}

func schemaMessage(sc *schema.Schema) *importsv1.Schema {
	sc = sc.WithRules(nil)
	out := &importsv1.Schema{Name: sc.Name, Title: sc.Title, Description: sc.Description}
	for _, sheet := range sc.Sheets {
		m := &importsv1.SchemaSheet{Name: sheet.Name, Title: sheet.Title, Aliases: sheet.Aliases, Table: sheet.Table, Key: sheet.Key, Optional: sheet.Optional}
		for _, c := range sheet.Columns {
			m.Columns = append(m.Columns, columnMessage(c))
		}
		out.Sheets = append(out.Sheets, m)
	}
	return out
}

var columnTypes = map[schema.Type]importsv1.ColumnType{
	schema.Text: importsv1.ColumnType_COLUMN_TYPE_TEXT, schema.Integer: importsv1.ColumnType_COLUMN_TYPE_INTEGER,
	schema.Decimal: importsv1.ColumnType_COLUMN_TYPE_DECIMAL, schema.Boolean: importsv1.ColumnType_COLUMN_TYPE_BOOLEAN,
	schema.Date: importsv1.ColumnType_COLUMN_TYPE_DATE, schema.Time: importsv1.ColumnType_COLUMN_TYPE_TIME,
	schema.DateTime: importsv1.ColumnType_COLUMN_TYPE_DATETIME, schema.Email: importsv1.ColumnType_COLUMN_TYPE_EMAIL,
	schema.Phone: importsv1.ColumnType_COLUMN_TYPE_PHONE, schema.Enum: importsv1.ColumnType_COLUMN_TYPE_ENUM,
}

func columnMessage(c *schema.Column) *importsv1.SchemaColumn {
	m := &importsv1.SchemaColumn{Name: c.Name, Title: c.Title, Aliases: c.Aliases, Type: columnTypes[c.Type], Required: c.Required, Unique: c.Unique,
		MinLength: uint32(c.MinLength), MaxLength: uint32(c.MaxLength), Minimum: c.Min, Maximum: c.Max, Allowed: c.Allowed, Rules: rulesMessage(c.Rules)}
	if c.Pattern != nil {
		m.Pattern = c.Pattern.String()
	}
	if c.References != nil {
		m.References = c.References.Sheet + "." + c.References.Column
	}
	return m
}

func encodeToken(cursor string) string { return base64.RawURLEncoding.EncodeToString([]byte(cursor)) }

func decodeToken(token string) (string, error) {
	cursor, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errPageToken()
	}
	return string(cursor), nil
}

func errPageToken() error {
	return rpcerr.Invalid("page_token", "is not a token of this service. Use next_page_token of the previous page")
}
