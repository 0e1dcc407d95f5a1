package jobrpc

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

// fromDescriptions returns a worker's descriptions of its request's kinds, or an InvalidError.
func fromDescriptions(r *jobsv1.LeaseJobsRequest) ([]job.KindDescription, error) {
	var (
		all  []job.KindDescription
		size int
		seen = map[string]bool{}
	)
	for i, d := range r.GetDescriptions() {
		field := fmt.Sprintf("descriptions[%d]", i)
		switch {
		case !slices.Contains(r.GetKinds(), d.GetKind()):
			return nil, &job.InvalidError{Field: field + ".kind", Problem: fmt.Sprintf("is %q, which is not one of the request's kinds", d.GetKind())}
		case seen[d.GetKind()]:
			return nil, &job.InvalidError{Field: field + ".kind", Problem: fmt.Sprintf("is %q, like that of an earlier description", d.GetKind())}
		}
		seen[d.GetKind()] = true
		if size += proto.Size(d); size > job.MaxDescriptions {
			return nil, &job.InvalidError{Field: "descriptions", Problem: fmt.Sprintf("is larger than %d KiB", job.MaxDescriptions>>10)}
		}
		one := fromDescription(d)
		if err := one.Check(field); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func fromDescription(d *jobsv1.KindDescription) job.KindDescription {
	one := job.KindDescription{Kind: d.GetKind(), Title: d.GetTitle(), Summary: d.GetSummary()}
	for _, f := range d.GetFields() {
		field := job.KindField{
			Name: f.GetName(), Label: f.GetLabel(), Hint: f.GetHint(), Type: max(job.FieldType(f.GetType()), job.FieldText),
			Required: f.GetRequired(), Default: f.GetDefaultValue(), Minimum: f.Minimum, Maximum: f.Maximum, MaxLength: int(f.GetMaxLength()),
		}
		for _, c := range f.GetChoices() {
			field.Choices = append(field.Choices, job.KindChoice{Value: c.GetValue(), Label: c.GetLabel()})
		}
		one.Fields = append(one.Fields, field)
	}
	return one
}

func toDescriptions(all []job.KindDescription) []*jobsv1.KindDescription {
	var descriptions []*jobsv1.KindDescription
	for i := range all {
		d := &jobsv1.KindDescription{Kind: all[i].Kind, Title: all[i].Title, Summary: all[i].Summary}
		for j := range all[i].Fields {
			f := &all[i].Fields[j]
			field := &jobsv1.KindField{
				Name: f.Name, Label: f.Label, Hint: f.Hint, Type: jobsv1.KindFieldType(f.Type),
				Required: f.Required, DefaultValue: f.Default, Minimum: f.Minimum, Maximum: f.Maximum, MaxLength: uint32(f.MaxLength),
			}
			for _, c := range f.Choices {
				field.Choices = append(field.Choices, &jobsv1.KindChoice{Value: c.Value, Label: c.Label})
			}
			d.Fields = append(d.Fields, field)
		}
		descriptions = append(descriptions, d)
	}
	return descriptions
}
