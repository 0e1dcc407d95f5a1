package importrpc

import (
	"testing"

	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

func TestRefusedFileSaysWhyInAnyLanguage(t *testing.T) {
	err := toStatus(source.Refuse(source.ArchiveUnsuitable, messages.New("archive.empty_file", messages.Text("file", "a.csv"))))
	st, _ := status.FromError(err)
	for _, d := range st.Details() {
		text, ok := d.(*importsv1.Text)
		if !ok {
			continue
		}
		why := text.GetParameters()["why"].GetNested()
		if text.GetMessageId() != "file.refused_why" || why.GetMessageId() != "archive.empty_file" || why.GetParameters()["file"].GetText() != "a.csv" {
			t.Errorf("the detail is %v", text)
		}
		return
	}
	t.Errorf("%v has no detail: %v", st.Message(), st.Details())
}
