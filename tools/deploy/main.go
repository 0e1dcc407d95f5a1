// Command check-deploy checks the files in deploy that other programs read: the compose file against its schema, and the Helm chart, by
// rendering it in several ways and reading the result as Kubernetes objects, without unknown fields.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := errors.Join(checkCompose("deploy/compose/compose.yaml"), checkChart("deploy/helm/headway")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// checkCompose reads a compose file as docker compose does.
func checkCompose(file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithInterpolation(true), cli.WithResolvedPaths(true), cli.WithoutEnvironmentResolution)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, name := range []string{"jobs1", "jobs2", "importer1", "importer2", "edge1", "edge2", "nginx", "nats", "postgres", "s3"} {
		if _, err := project.GetService(name); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// variants are values of the chart with which it is rendered, and the number of objects of each kind that they make.
var variants = []struct {
	name, values string
	want         map[string]int
}{
	{"the defaults", "", map[string]int{"Deployment": 3, "Service": 3, "PodDisruptionBudget": 3, "ServiceAccount": 1}},
	{"everything", `
grpcTLSSecretName: headway-tls
environmentSecretName: aws
imagePullSecrets: [{name: registry}]
serviceAccount: {annotations: {role: headway}}
edge: {autoscaling: {enabled: true}, ingress: {enabled: true}}
importer: {autoscaling: {enabled: true}}
`, map[string]int{"Deployment": 3, "Service": 3, "PodDisruptionBudget": 3, "ServiceAccount": 1, "HorizontalPodAutoscaler": 2, "Ingress": 1}},
}

// checkChart renders a chart.
func checkChart(folder string) error {
	chart, err := loader.Load(folder)
	if err != nil {
		return err
	}
	if err := chart.Validate(); err != nil {
		return err
	}
	for _, variant := range variants {
		values, err := chartutil.ReadValues([]byte(variant.values))
		if err != nil {
			return err
		}
		all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "headway", Namespace: "default", IsInstall: true}, chartutil.DefaultCapabilities)
		if err != nil {
			return err
		}
		files, err := engine.Engine{Strict: true}.Render(chart, all)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", folder, variant.name, err)
		}
		got := map[string]int{}
		for name, text := range files {
			if filepath.Ext(name) != ".yaml" {
				continue
			}
			for object := range strings.SplitSeq(text, "\n---") {
				if strings.TrimSpace(object) == "" {
					continue
				}
				kind, err := checkObject([]byte(object))
				if err != nil {
					return fmt.Errorf("%s with %s: %w\n%s", name, variant.name, err, object)
				}
				got[kind]++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(variant.want) { // printed in the order of the keys
			return fmt.Errorf("%s with %s has %v, want %v", folder, variant.name, got, variant.want)
		}
	}
	return nil
}

// checkObject reads an object, and returns its kind.
func checkObject(text []byte) (string, error) {
	var head struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return "", err
	}
	into := map[string]any{
		"apps/v1 Deployment": &appsv1.Deployment{}, "v1 Service": &corev1.Service{}, "v1 ServiceAccount": &corev1.ServiceAccount{},
		"policy/v1 PodDisruptionBudget": &policyv1.PodDisruptionBudget{}, "autoscaling/v2 HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
		"networking.k8s.io/v1 Ingress": &networkingv1.Ingress{},
	}[head.APIVersion+" "+head.Kind]
	if into == nil {
		return "", fmt.Errorf("the kind %s %s is not known", head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return "", err
	}
	if d, ok := into.(*appsv1.Deployment); ok {
		return head.Kind, checkDeployment(d)
	}
	return head.Kind, nil
}

// checkDeployment checks what the chart promises about each service.
func checkDeployment(d *appsv1.Deployment) error {
	pod := d.Spec.Template.Spec
	for label, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[label] != value {
			return fmt.Errorf("the selector's label %s is not one of its pods", label)
		}
	}
	if len(pod.Containers) != 1 || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		return errors.New("the pod has more than one container, or runs as root")
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
		return errors.New("the container can write to its root file system, or gain rights")
	}
	if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil {
		return errors.New("a probe is missing")
	}
	ports := []string{}
	for _, p := range c.Ports {
		ports = append(ports, p.Name)
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if !slices.Contains(ports, probe.HTTPGet.Port.StrVal) {
			return fmt.Errorf("a probe uses the port %s, which the container does not have", probe.HTTPGet.Port.StrVal)
		}
	}
	volumes := []string{}
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, m := range c.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			return fmt.Errorf("there is no volume %s", m.Name)
		}
	}
	return nil
}
