package importer_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
)

// preview sends a file to be previewed.
func (w *world) preview(subject string, file []byte, options *importsv1.UploadOptions) (*importsv1.FilePreview, error) {
	w.t.Helper()
	stream, err := w.imports.PreviewFile(w.t.Context(), w.as(subject))
	if err != nil {
		w.t.Fatal(err)
	}
	err = stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}})
	for reader := bytes.NewReader(file); err == nil && reader.Len() > 0; {
		err = stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: nextChunk(reader)}})
	}
	response, err := stream.CloseAndRecv()
	return response.GetPreview(), err
}

// nextChunk returns the next 256 KiB.
func nextChunk(r *bytes.Reader) []byte {
	data := make([]byte, min(r.Len(), 256<<10))
	_, _ = r.Read(data) // it has so many
	return data
}

const german = "Kürzel;Gebietsname;Land;Bürogröße\nN-1;Norden;DE;12\nS-1;Süden;AT;7\n"

// TestFileIsImportedWithItsProposedMapping previews a file with other headers, and imports it with the proposal.
func TestFileIsImportedWithProposedMapping(t *testing.T) {
	w := setup(t)
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "workforce", FileName: "gebiete.csv"}
	}
	_, err := w.upload("ann", []byte(german), options())
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING {
		t.Fatalf("without a mapping: %v", err)
	}
	p, err := w.preview("ann", []byte(german), options())
	if err != nil {
		t.Fatal(err)
	}
	if p.GetCertain() || p.GetProblemReason() != "HEADER_MISSING" || p.GetTextFormat().GetDelimiter() != ";" || p.GetFileName() != "gebiete.csv" {
		t.Errorf("the preview is %v", p)
	}
	if s := p.GetSheets()[0]; s.GetHeaderRow() != 1 || len(s.GetColumns()) != 4 || strings.Join(s.GetColumns()[2].GetValues(), " ") != "DE AT" {
		t.Errorf("the sheet is %v", s)
	}
	with := options()
	with.Mapping = p.GetMapping()
	if len(with.GetMapping()) != 1 || with.GetMapping()[0].GetSheet() != "areas" || with.GetMapping()[0].GetColumns()["code"] != "Kürzel" {
		t.Fatalf("the mapping is %v", with.GetMapping())
	}
	if got := w.end([]byte(german), with).GetTotals().GetInserted(); got != 2 {
		t.Errorf("%d rows are inserted", got)
	}
}

// TestPreviewShowsValuesByRules previews values by the rules of a mapping.
func TestPreviewShowsValuesByRules(t *testing.T) {
	w := setup(t)
	file := []byte("Area code,Area name,Country,Established on\nn-1,North,Germany,03/04/2001\ns-1,South,Atlantis,2001-02-03\nn-1,North,Germany,\n")
	rules := map[string]*importsv1.ValueRules{"code": {Case: "upper"}, "country": {Lookup: map[string]string{"Germany": "DE"}}, "established_on": {DateOrder: "dmy"}}
	preview := func(rules map[string]*importsv1.ValueRules) map[string]string {
		t.Helper()
		p, err := w.preview("ann", file, &importsv1.UploadOptions{FileName: "x.csv", Mapping: []*importsv1.SheetMapping{{Sheet: "areas", Rules: rules}}})
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]string{}
		for _, c := range p.GetProposals()[0].GetColumns() {
			for _, s := range c.GetSamples() {
				shown[c.GetColumn()] += s.GetCell() + ">" + s.GetValue()
				if s.GetProblem() != "" {
					shown[c.GetColumn()] += "!"
				}
				shown[c.GetColumn()] += " "
			}
		}
		return shown
	}
	got := preview(rules)
	for column, want := range map[string]string{"code": "n-1>N-1 s-1>S-1 ", "name": "North>North South>South ", "country": "Germany>DE Atlantis>! ",
		"established_on": "03/04/2001>2001-04-03 2001-02-03>2001-02-03 "} {
		if got[column] != want {
			t.Errorf("%s: %q, want %q", column, got[column], want)
		}
	}
	if got := preview(nil); got["established_on"] != "03/04/2001>! 2001-02-03>2001-02-03 " {
		t.Errorf("without rules: %q", got["established_on"])
	}
	if got := preview(map[string]*importsv1.ValueRules{"code": {DateOrder: "dmy"}}); got["code"] != "" || got["name"] == "" {
		t.Errorf("with a rule that is not valid: %q", got)
	}
}

func TestPreviewStoresNothing(t *testing.T) {
	w := setup(t)
	for range 3 {
		if _, err := w.preview("ann", []byte(german), &importsv1.UploadOptions{FileName: "x.csv"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, damaged := range []string{"", "PK\x03\x04 not a workbook"} {
		if _, err := w.preview("ann", []byte(damaged), &importsv1.UploadOptions{}); err == nil {
			t.Errorf("%q has a preview", damaged)
		}
	}
	if names := w.stored(); len(names) != 0 {
		t.Errorf("files are left: %v", names)
	}
}

// TestMappingIsRememberedForSameHeaders maps a file once. The user's next file with the same headers is previewed with that
// mapping, and no other one.
func TestMappingIsRememberedForSameHeaders(t *testing.T) {
	w := setup(t)
	options := func(name string) *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "workforce", FileName: name}
	}
	mapped := options("januar.csv")
	mapped.Mapping = []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"code": "Gebietsname", "name": "Kürzel", "country": "Land", "office_email": ""}}}
	im := w.end([]byte(german), mapped)
	kept, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if got := kept.GetImport().GetMapping(); len(got) != 1 || got[0].GetColumns()["code"] != "Gebietsname" {
		t.Errorf("the import has the mapping %v", got)
	}
	next := strings.Replace(german, "Norden", "Nordwest", 1)
	p, err := w.preview("ann", []byte(next), options("februar.csv"))
	if err != nil {
		t.Fatal(err)
	}
	got := p.GetMapping()[0].GetColumns()
	left, isLeft := got["office_email"]
	if got["code"] != "Gebietsname" || got["name"] != "Kürzel" || left != "" || !isLeft || !p.GetRememberedAt().AsTime().Equal(im.GetCreatedAt().AsTime()) {
		t.Errorf("the next file is mapped %v, remembered at %v", got, p.GetRememberedAt())
	}
	for name, preview := range map[string]func() (*importsv1.FilePreview, error){
		"another user": func() (*importsv1.FilePreview, error) { return w.preview("bob", []byte(next), options("x.csv")) },
		"another header": func() (*importsv1.FilePreview, error) {
			return w.preview("ann", []byte(strings.Replace(next, "Bürogröße", "Notiz", 1)), options("x.csv"))
		},
		"another mapping": func() (*importsv1.FilePreview, error) {
			o := options("x.csv")
			o.Mapping = []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"code": "Kürzel"}}}
			return w.preview("ann", []byte(next), o)
		},
	} {
		p, err := preview()
		if err != nil || p.GetRememberedAt() != nil || p.GetMapping()[0].GetColumns()["code"] != "Kürzel" {
			t.Errorf("%s: %v, remembered at %v, %v", name, p.GetMapping(), p.GetRememberedAt(), err)
		}
	}
}

// TestRememberedMappingIsConfirmedAgain uploads a file whose headers fit by name, but that was mapped differently before.
func TestRememberedMappingIsConfirmedAgain(t *testing.T) {
	w := setup(t)
	const file = "Area code,Area name,Local name,Country\nN-1,North,Norden,DE\n"
	options := func(name string) *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "workforce", FileName: "areas.csv", ConfirmMapping: true}
	}
	w.end([]byte(file), options(""))
	mapped := options("")
	mapped.Mapping = []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"name": "Local name"}}}
	w.end([]byte(file), mapped)
	if _, err := w.upload("ann", []byte(file), options("")); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN {
		t.Errorf("without the mapping: %v", err)
	}
	w.end([]byte(file), mapped)
	same := options("")
	same.Mapping = []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"name": "Area name"}}}
	w.end([]byte(file), same)
	w.end([]byte(file), options(""))
}

// TestMappingsAreSavedAndShared saves mappings as two users, and lists them.
func TestMappingsAreSavedAndShared(t *testing.T) {
	w := setup(t)
	areas := []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"code": "Kürzel"}}}
	save := func(user, name string, shared bool, mapping []*importsv1.SheetMapping) error {
		_, err := w.imports.SaveMapping(t.Context(), &importsv1.SaveMappingRequest{Schema: "workforce", Name: name, Shared: shared, Mapping: mapping}, w.as(user))
		return err
	}
	names := func(user string) string {
		t.Helper()
		answer, err := w.imports.ListMappings(t.Context(), &importsv1.ListMappingsRequest{Schema: "workforce"}, w.as(user))
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, m := range answer.GetMappings() {
			if m.GetMapping()[0].GetColumns()["code"] != "Kürzel" || m.GetSavedAt() == nil {
				t.Errorf("the mapping is %v", m)
			}
			list = append(list, m.GetOwner()+":"+m.GetName())
		}
		return strings.Join(list, " ")
	}
	for _, err := range []error{save("ann", "Monat", false, areas), save("ann", "Export der Bank", true, areas), save("bob", "Liste", true, areas)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := names("ann"); got != "ann:Export der Bank ann:Monat bob:Liste" {
		t.Errorf("ann sees %s", got)
	}
	for range 2 {
		if _, err := w.imports.DeleteMapping(t.Context(), &importsv1.DeleteMappingRequest{Schema: "workforce", Name: "Liste"}, w.as("ann")); err != nil {
			t.Error(err)
		}
	}
	if got := names("cid"); got != "ann:Export der Bank bob:Liste" {
		t.Errorf("cid sees %s", got)
	}
	_, missing := w.imports.ListMappings(t.Context(), &importsv1.ListMappingsRequest{Schema: "none"}, w.as("ann"))
	for reason, err := range map[string]error{
		"MAPPING_INVALID":  save("ann", "x", false, []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"shoe_size": "x"}}}),
		"REQUEST_INVALID":  save("ann", "a/b", false, areas),
		"SCHEMA_NOT_FOUND": missing,
	} {
		if rpcerr.Word(rpcerr.Reason(err)) != reason {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// TestErrorHasMessageWithParameters reads the detail from which a client writes the error in its own language.
func TestErrorHasMessageWithParameters(t *testing.T) {
	w := setup(t)
	_, err := w.upload("ann", []byte(german), &importsv1.UploadOptions{FileName: "gebiete.csv"})
	for _, d := range status.Convert(err).Details() {
		text, is := d.(*importsv1.Text)
		if !is {
			continue
		}
		p := text.GetParameters()
		if text.GetMessageId() != "header.missing_others" || p["sheet"].GetText() != "gebiete" || p["headers"].GetList().GetValues()[0].GetQuotation().GetText() != "Kürzel" {
			t.Errorf("the message is %v", text)
		}
		return
	}
	t.Errorf("%v has no message", err)
}
