{{- define "headway.labels" -}}
app.kubernetes.io/name: headway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "headway.selector" -}}
app.kubernetes.io/name: headway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "headway.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default .Release.Name .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* The addresses of the jobs service and the importer: those of all replicas, over which clients balance calls. */}}
{{- define "headway.jobsAddress" -}}dns:///{{ .Release.Name }}-jobs.{{ .Release.Namespace }}.svc:9091{{- end }}
{{- define "headway.importerAddress" -}}dns:///{{ .Release.Name }}-importer.{{ .Release.Namespace }}.svc:9092{{- end }}

{{/* The pods of a service. Input: root, name, values, port, and environment, a map. */}}
{{- define "headway.deployment" -}}
{{- $root := .root }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $root.Release.Name }}-{{ .name }}
  labels:
    {{- include "headway.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  {{- if not (dig "autoscaling" "enabled" false .values) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "headway.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "headway.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "9090"
    spec:
      serviceAccountName: {{ include "headway.serviceAccount" $root }}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{ toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "headway.selector" . | nindent 14 }}
      containers:
        - name: {{ .name }}
          image: "{{ $root.Values.image.repository }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}"
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [{{ .name | quote }}]
          env:
            - {name: HEADWAY_DATA, value: /data}
            - {name: HEADWAY_METRICS_LISTEN, value: "0.0.0.0:9090"}
            {{- range $key, $value := merge (dict) .environment .values.settings $root.Values.settings }}
            - {name: {{ $key }}, value: {{ $value | quote }}}
            {{- end }}
            {{- if $root.Values.grpcTLSSecretName }}
            - {name: HEADWAY_GRPC_TLS_CERT_FILE, value: /run/secrets/headway-tls/tls.crt}
            - {name: HEADWAY_GRPC_TLS_KEY_FILE, value: /run/secrets/headway-tls/tls.key}
            - {name: HEADWAY_GRPC_TLS_CA_FILE, value: /run/secrets/headway-tls/ca.crt}
            - {name: HEADWAY_GRPC_TLS_REQUIRE_CLIENT, value: "true"}
            {{- end }}
          {{- with $root.Values.environmentSecretName }}
          envFrom:
            - secretRef: {name: {{ . }}}
          {{- end }}
          ports:
            - {name: main, containerPort: {{ .port }}}
            - {name: metrics, containerPort: 9090}
          startupProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: {path: /readyz, port: {{ .readiness }}}
            periodSeconds: 2
            timeoutSeconds: 3
            failureThreshold: 2
          resources: {{ toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
            - {name: secrets, mountPath: /run/secrets/headway, readOnly: true}
            {{- if $root.Values.grpcTLSSecretName }}
            - {name: tls, mountPath: /run/secrets/headway-tls, readOnly: true}
            {{- end }}
      volumes:
        - name: data
          emptyDir: {}
        - name: tmp
          emptyDir: {}
        - name: secrets
          secret: {secretName: {{ $root.Values.secretName }}, defaultMode: 0400}
        {{- if $root.Values.grpcTLSSecretName }}
        - name: tls
          secret: {secretName: {{ $root.Values.grpcTLSSecretName }}, defaultMode: 0400}
        {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $root.Release.Name }}-{{ .name }}
  labels:
    {{- include "headway.labels" $root | nindent 4 }}
spec:
  {{- toYaml .values.disruptionBudget | nindent 2 }}
  selector:
    matchLabels:
      {{- include "headway.selector" . | nindent 6 }}
{{- end }}
