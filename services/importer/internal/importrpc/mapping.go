package importrpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
)

// ListMappings implements headway.imports.v1.ImportService.
func (s *Service) ListMappings(ctx context.Context, r *importsv1.ListMappingsRequest) (*importsv1.ListMappingsResponse, error) {
	if err := s.mayImport(ctx, r.GetSchema()); err != nil {
		return nil, err
	}
	if _, err := s.Schemas.Get(r.GetSchema()); err != nil {
		return nil, toStatus(err)
	}
	list, err := s.Store.SavedMappings(ctx, caller(ctx).Subject, r.GetSchema())
	if err != nil {
		return nil, toStatus(err)
	}
	answer := &importsv1.ListMappingsResponse{}
	for _, m := range list {
		answer.Mappings = append(answer.Mappings, savedMappingMessage(m))
	}
	return answer, nil
}

// SaveMapping implements headway.imports.v1.ImportService.
func (s *Service) SaveMapping(ctx context.Context, r *importsv1.SaveMappingRequest) (*importsv1.SaveMappingResponse, error) {
	if err := s.mayImport(ctx, r.GetSchema()); err != nil {
		return nil, err
	}
	spec, err := s.Schemas.Get(r.GetSchema())
	if err != nil {
		return nil, toStatus(err)
	}
	m := imports.SavedMapping{Name: r.GetName(), Owner: caller(ctx).Subject, Schema: spec.Name, Shared: r.GetShared(),
		Mapping: mappingOf(r.GetMapping()), SavedAt: time.Now()}
	if err := mapping.Check(spec, m.Mapping); err != nil {
		return nil, toStatus(err)
	}
	if err := s.Store.SaveMapping(ctx, m); err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.SaveMappingResponse{Mapping: savedMappingMessage(m)}, nil
}

// DeleteMapping implements headway.imports.v1.ImportService.
func (s *Service) DeleteMapping(ctx context.Context, r *importsv1.DeleteMappingRequest) (*importsv1.DeleteMappingResponse, error) {
	if err := s.mayImport(ctx, r.GetSchema()); err != nil {
		return nil, err
	}
	if err := s.Store.DeleteMapping(ctx, caller(ctx).Subject, r.GetSchema(), r.GetName()); err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.DeleteMappingResponse{}, nil
}

func savedMappingMessage(m imports.SavedMapping) *importsv1.SavedMapping {
	return &importsv1.SavedMapping{Name: m.Name, Owner: m.Owner, Shared: m.Shared, Mapping: mappingMessages(m.Mapping), SavedAt: timestamppb.New(m.SavedAt)}
}

func mappingOf(list []*importsv1.SheetMapping) []imports.SheetMapping {
	out := make([]imports.SheetMapping, 0, len(list))
	for _, m := range list {
		mapped := imports.SheetMapping{Sheet: m.GetSheet(), WorkbookSheet: m.GetWorkbookSheet(), Columns: m.GetColumns(), Constants: m.GetConstants(),
			Rules: rulesOf(m.GetRules()), Distinct: m.GetDistinct(), Absent: m.GetAbsent()}
		for _, s := range m.GetSplits() {
			mapped.Splits = append(mapped.Splits, imports.ColumnSplit{Header: s.GetHeader(), Separator: s.GetSeparator(), Columns: s.GetColumns(), FromEnd: s.GetFromEnd()})
		}
		for _, j := range m.GetJoins() {
			mapped.Joins = append(mapped.Joins, imports.ColumnJoin{Column: j.GetColumn(), Headers: j.GetHeaders(), Separator: j.GetSeparator(), Negated: j.GetNegated()})
		}
		out = append(out, mapped)
	}
	return out
}

func mappingMessages(list []imports.SheetMapping) []*importsv1.SheetMapping {
	out := make([]*importsv1.SheetMapping, 0, len(list))
	for i := range list {
		m := mappingMessage(&list[i])
		m.Columns = list[i].Columns
		out = append(out, m)
	}
	return out
}

// mappingMessage returns an entry of a mapping without its columns.
func mappingMessage(m *imports.SheetMapping) *importsv1.SheetMapping {
	out := &importsv1.SheetMapping{Sheet: m.Sheet, WorkbookSheet: m.WorkbookSheet, Constants: m.Constants, Rules: rulesMessages(m.Rules), Distinct: m.Distinct, Absent: m.Absent}
	for _, s := range m.Splits {
		out.Splits = append(out.Splits, &importsv1.ColumnSplit{Header: s.Header, Separator: s.Separator, Columns: s.Columns, FromEnd: s.FromEnd})
	}
	for _, j := range m.Joins {
		out.Joins = append(out.Joins, &importsv1.ColumnJoin{Column: j.Column, Headers: j.Headers, Separator: j.Separator, Negated: j.Negated})
	}
	return out
}
