// Made from gen/openapi/headway.openapi.json by `npm run generate-types`. Do not edit.

export interface paths {
    "/api/v1/imports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** ListImports returns the caller's imports by page, newest first. */
        get: operations["ImportService_ListImports"];
        put?: never;
        /**
         * UploadWorkbook accepts a workbook in chunks: first a message with `options`, then the bytes. It returns when the
         *     workbook is stored and recognized, and its sheets and headers match the schema. A job then
         *     loads the rows. Over REST: POST /api/v1/imports, multipart or raw.
         * @description Send multipart/form-data (the file is the last part, with the name `file`; fields after it are rejected), or the raw
         *     body with the fields in the query. Nothing of a rejected upload is stored.
         *
         *     With `upload_id`, and without any other parameter, the import is created from a complete resumable upload
         *     (`POST /api/v1/uploads`). The request can be repeated: it creates only one import, and a rejection of the workbook is
         *     returned again for an hour. If the upload has `confirm_mapping`, it stays stored after a rejection of its columns, and the next
         *     request has a JSON body with a `mapping`. Such a body can also have a `textFormat`, and `textFormats` by the names of files, which
         *     replace those of the upload.
         */
        post: operations["UploadWorkbook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * GetImport returns the current snapshot.
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND.
         */
        get: operations["ImportService_GetImport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}:confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ConfirmImport answers the review of an import. To commit, the import runs again and commits the valid rows. If the
         *     database has changed so that fewer rows would be imported than confirmed, or more rows overwritten, the import waits
         *     again, with the new counts. If the schema has changed, the job fails with SCHEMA_CHANGED.
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION IMPORT_NOT_WAITING.
         */
        post: operations["ImportService_ConfirmImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}:preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * PreviewImport is PreviewFile for the stored file of an import that has ended or waits for review. So the columns can be
         *     changed without uploading the file again. Without a mapping, the preview begins with that of the import.
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION JOB_NOT_FINISHED, WORKBOOK_GONE; those of PreviewFile about the schema.
         */
        post: operations["ImportService_PreviewImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}:repeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * RepeatImport creates a new import of the stored file of an import that has ended or waits for review, with another mapping
         *     or other options. The new import has its own copy of the file. If the earlier import waits for review, it is then declined.
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION JOB_NOT_FINISHED, WORKBOOK_GONE; those of UploadWorkbook about the
         *     sheets, the columns, the mapping, and the schema.
         */
        post: operations["ImportService_RepeatImport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/imported.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The rows of a committed import as a workbook, each with its result (inserted, updated, or unchanged). It takes one range, and conditions (RFC 9110).
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION REPORT_NOT_READY, WORKBOOK_GONE, NOTHING_COMMITTED; OUT_OF_RANGE
         *     RANGE_NOT_SATISFIABLE.
         */
        get: operations["DownloadImportedRows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/issues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * ListIssues returns the stored issues by page, in the order of sheets and rows.
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND.
         */
        get: operations["ImportService_ListIssues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/issues.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The stored issues as CSV (RFC 4180, UTF-8 with BOM). It takes one range, and conditions (RFC 9110).
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION REPORT_NOT_READY, WORKBOOK_GONE, NOTHING_COMMITTED; OUT_OF_RANGE
         *     RANGE_NOT_SATISFIABLE.
         */
        get: operations["DownloadIssues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/imports/{import_id}/report.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The rejected and blocked rows as a workbook, to fix and upload again. It takes one range, and conditions (RFC 9110).
         * @description Errors: NOT_FOUND IMPORT_NOT_FOUND; FAILED_PRECONDITION REPORT_NOT_READY, WORKBOOK_GONE, NOTHING_COMMITTED; OUT_OF_RANGE
         *     RANGE_NOT_SATISFIABLE.
         */
        get: operations["DownloadReportWorkbook"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * ListJobs pages through the caller's jobs, most recent first. A page can hold fewer jobs than requested (responses stay
         *     below about 2 MiB). Only an empty `next_page_token` means the end.
         */
        get: operations["JobService_ListJobs"];
        put?: never;
        /**
         * CreateJob adds a job to the queue. With a `request_id`, a repeated call returns the same job.
         * @description Errors: INVALID_ARGUMENT REQUEST_INVALID, SNAPSHOT_TOO_LARGE; ALREADY_EXISTS REQUEST_ID_REUSED; PERMISSION_DENIED SCOPE_MISSING
         *     (`owner` or `job_id` without the service scope).
         */
        post: operations["JobService_CreateJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * GetJob returns the current snapshot, for clients that poll. It can be 250 ms older than the worker's last heartbeat.
         * @description Errors: NOT_FOUND JOB_NOT_FOUND.
         */
        get: operations["JobService_GetJob"];
        put?: never;
        post?: never;
        /**
         * DeleteJob removes a job that has ended, and its output.
         * @description Errors: NOT_FOUND JOB_NOT_FOUND; FAILED_PRECONDITION JOB_NOT_FINISHED.
         */
        delete: operations["JobService_DeleteJob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}:cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * CancelJob ends a queued or waiting job immediately, and asks the worker of an active one to stop. The job is cancelled
         *     when the worker has stopped, or after a grace period. The call can be repeated.
         * @description Errors: NOT_FOUND JOB_NOT_FOUND; FAILED_PRECONDITION JOB_FINISHED.
         */
        post: operations["JobService_CancelJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}:resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ResumeJob answers the question of a waiting job and queues it again, without using up an attempt.
         * @description Errors: NOT_FOUND JOB_NOT_FOUND; FAILED_PRECONDITION JOB_NOT_WAITING (the job asks no question, or not the
         *     one of `question_revision`); INVALID_ARGUMENT REQUEST_INVALID (also without `question_revision`, if the job has been
         *     answered before).
         */
        post: operations["JobService_ResumeJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}:retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * RetryJob queues a failed or cancelled job again, with one more attempt allowed.
         * @description Errors: NOT_FOUND JOB_NOT_FOUND; FAILED_PRECONDITION JOB_NOT_RETRYABLE.
         */
        post: operations["JobService_RetryJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The output of a job so far, as a file. It takes one range, and conditions (RFC 9110). */
        get: operations["DownloadOutput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * CreateJobs adds up to 100 jobs to the queue in one step, in the order of the request. Each job has its own result:
         *     a refused job doesn't affect the others.
         * @description Errors: INVALID_ARGUMENT REQUEST_INVALID (a field breaks its rule: then no job is created). In the results: those of CreateJob.
         */
        post: operations["JobService_CreateJobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * ChangeJobs cancels, retries, or deletes all of the caller's jobs that match a filter. It returns a job of the kind
         *     `headway.change` that does this, and shows its progress: how many were changed, and how many were refused. It can be
         *     watched, cancelled, and retried like any job. It changes jobs that were created before it.
         * @description Errors: INVALID_ARGUMENT REQUEST_INVALID; ALREADY_EXISTS REQUEST_ID_REUSED; PERMISSION_DENIED SCOPE_MISSING.
         */
        post: operations["JobService_ChangeJobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/kinds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * ListKinds returns the kinds of jobs that workers can run and the caller's token allows. These are the kinds that
         *     workers wait for, run, or have requested within the last 30 seconds. A replica of the service knows only the
         *     workers that called it.
         */
        get: operations["JobService_ListKinds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/previews": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * PreviewFile reads the beginning of a file, and returns its contents and how it could be imported: its sheets with their
         *     headers and some values, and for each column of the schema, the column of the file that probably matches. It takes the
         *     messages of UploadWorkbook, and stores nothing. Over REST: POST /api/v1/previews, multipart or raw.
         * @description Send the file as for `POST /api/v1/imports`. With `upload_id`, and without any other parameter, a complete resumable upload is
         *     previewed, and stays stored. A JSON body can have a `mapping`, a `textFormat`, and
         *     `textFormats` for the preview.
         */
        post: operations["PreviewFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schemas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** ListSchemas returns the schemas for uploads. */
        get: operations["ImportService_ListSchemas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schemas/{schema}/mappings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * ListMappings returns the caller's saved mappings for a schema, and then those that other users share, at most 100.
         * @description Errors: NOT_FOUND SCHEMA_NOT_FOUND.
         */
        get: operations["ImportService_ListMappings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schemas/{schema}/mappings/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * SaveMapping saves a mapping under a name, for later uploads. It replaces the caller's mapping with the same name. A user can
         *     have 50 for each schema, of at most 32 KiB each as JSON.
         * @description Errors: NOT_FOUND SCHEMA_NOT_FOUND; INVALID_ARGUMENT MAPPING_INVALID; RESOURCE_EXHAUSTED QUOTA_EXCEEDED.
         */
        put: operations["ImportService_SaveMapping"];
        post?: never;
        /** DeleteMapping deletes the caller's mapping with this name. It is safe to repeat. */
        delete: operations["ImportService_DeleteMapping"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schemas/{schema}/sample.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * GetSample streams a generated workbook of a schema for trials, with errors if requested.
         *     Over REST: GET /api/v1/schemas/{schema}/sample.xlsx.
         * @description Errors: NOT_FOUND SCHEMA_NOT_FOUND, SAMPLE_NOT_AVAILABLE; INVALID_ARGUMENT REQUEST_INVALID for too many
         *     `issues`.
         */
        get: operations["DownloadSample"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schemas/{schema}/template.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * GetTemplate streams an empty workbook of a schema, for users to fill in. Over REST: GET
         *     /api/v1/schemas/{schema}/template.xlsx.
         * @description Errors: NOT_FOUND SCHEMA_NOT_FOUND.
         */
        get: operations["DownloadTemplate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The signed-in user, and the settings that apply. Needs no token. */
        get: operations["GetSession"];
        put?: never;
        /**
         * Sign in. Sets the session's cookie.
         * @description With a token in the Authorization header, the session is that user's. With the secret of a sign-in link, the
         *     local user is signed in, if the server has a local sign-in. Without either, the cookie of the local user gets a
         *     new lifetime.
         */
        post: operations["SignIn"];
        /** Sign out. Ends the session with its streams, and deletes the cookie. The token that created the session stays valid. */
        delete: operations["SignOut"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A new sign-in link for the local user, who calls this with a token. */
        post: operations["CreateSignInLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/imports/{import_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Watch one import, with the counts of its sheets and the latest issues. */
        get: operations["StreamImport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/jobs/{kind}/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Watch one job. */
        get: operations["StreamJob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/jobs/{kind}/{job_id}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Watch a job's output, from the byte offset in Last-Event-ID on. */
        get: operations["StreamOutput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/jobs/my": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Watch all of the user's own jobs over one stream, which does not end by itself. */
        get: operations["StreamMyJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A few messages at a steady rate, to detect proxies that buffer streams. */
        get: operations["Probe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sse/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A one-time ticket for an EventSource, which can't send headers. */
        post: operations["CreateTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a resumable upload (tus 1.0.0).
         * @description For unreliable connections: PATCH sends the bytes, in one part or several, and continues where the previous part
         *     ended. When all bytes have arrived, `POST /api/v1/imports?upload_id=…` creates the import. An unfinished upload expires
         *     a day (`--upload-ttl`) after its last byte.
         */
        post: operations["CreateUpload"];
        delete?: never;
        /** The tus features that the server supports. Needs no token. */
        options: operations["DescribeUploads"];
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads/{upload_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete an upload. */
        delete: operations["DeleteUpload"];
        options?: never;
        /**
         * Get the offset of an upload.
         * @description This ends a PATCH request of the same upload that is still waiting on a lost connection.
         */
        head: operations["GetUploadOffset"];
        /** Send the next bytes. */
        patch: operations["AppendToUpload"];
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description An error of the edge or of a service. */
        Error: {
            /** @description gRPC code (google.rpc.Code). */
            code: number;
            /** @description Other google.rpc details, such as BadRequest with each invalid field. */
            details?: {
                [key: string]: unknown;
            }[];
            /** @description A message that describes what happened and what to do. */
            message: string;
            /** @description Machine-readable: a name of headway.errors.v1.ErrorReason (JOB_NOT_FOUND, TOKEN_EXPIRED, …). */
            reason: string;
            /** @description The ID of this request in the servers' logs. */
            requestId: string;
            /** @description Name of the gRPC code: NOT_FOUND, UNAUTHENTICATED, … */
            status: string;
        };
        /** @description ImportDetail is the part of an import that its job doesn't have. */
        "headway.edge.v1.ImportDetail": {
            /** @description Whether the rows are in the database. */
            committed: boolean;
            /** @description Whether the run is rolled back in any case. */
            dryRun: boolean;
            /** @description The name of the uploaded file. */
            fileName: string;
            /** @description The latest issues, newest first. */
            newestIssues: components["schemas"]["headway.imports.v1.Issue"][];
            /** @description Notices for the user, for example "These bytes were imported before". */
            notices: components["schemas"]["headway.imports.v1.Notice"][];
            /** @description What to do if rows have issues. */
            onIssues: components["schemas"]["headway.imports.v1.OnIssues"];
            /** @description The root causes that block the most rows, first. */
            rootCauses: components["schemas"]["headway.imports.v1.RootCause"][];
            /** @description The sheets, in order. */
            sheets: components["schemas"]["headway.imports.v1.SheetImport"][];
            /** @description The sum over the sheets. */
            totals?: components["schemas"]["headway.imports.v1.Counts"];
            /** @description Sheets of the workbook that are not imported. */
            unusedSheets: components["schemas"]["headway.imports.v1.UnusedSheet"][];
        };
        /**
         * @description StreamMessage is one SSE message, the JSON in `data:`. On streams of one job, its `id:` is the revision of the job, an
         *     x, and a tag of the job. The server ignores a Last-Event-ID that comes from another stream.
         *
         *     The encoding is protobuf's JSON mapping (lowerCamelCase names, RFC 3339 times, unset fields omitted) with one change: enum
         *     values are short lowercase names ("job_update", "active", "skip_rows").
         */
        "headway.edge.v1.StreamMessage": {
            /**
             * Format: int64
             * @description The current attempt.
             */
            attempt?: number;
            /** @description Cancellation was requested. */
            cancelRequested?: boolean;
            /**
             * Format: date-time
             * @description When the job ended.
             */
            completedAt?: string;
            /**
             * Format: date-time
             * @description When the job was created.
             */
            createdAt?: string;
            /**
             * Format: double
             * @description Estimated seconds until the job ends.
             */
            etaSeconds?: number;
            /** @description Why the job failed or was cancelled, as a message for the user. */
            failedReason?: string;
            /** @description Sheets, counts, and latest issues. Set on streams of one import. */
            import?: components["schemas"]["headway.edge.v1.ImportDetail"];
            /** @description The ID of the job. Unset in messages about the stream. */
            jobId?: string;
            /**
             * Format: double
             * @description If there are no messages, a comment is sent at this interval. Set in `connected`.
             */
            keepaliveSeconds?: number;
            /** @description The kind of the job. */
            kind?: string;
            /** @description One line of text for the user. Set in every message about a job, and in messages about the stream. */
            message?: string;
            /**
             * Format: double
             * @description Bytes of output so far.
             */
            outputBytes?: number;
            /**
             * Format: double
             * @description 0 to 100. Never decreases.
             */
            progress?: number;
            /** @description The question of a waiting job. */
            question?: Record<string, unknown>;
            /**
             * Format: int64
             * @description Queue position: the number of jobs ahead of this one. Set only while the job is queued.
             */
            queuePosition?: number;
            /**
             * Format: double
             * @description Units of the current step per second.
             */
            rate?: number;
            /** @description Machine-readable: a name of headway.errors.v1.ErrorReason, or a reason of the worker. */
            reason?: string;
            /**
             * @description The result of the job. For a failed job, it has facts from the worker, and `reason` and `failed_reason` have the
             *     error.
             */
            result?: Record<string, unknown>;
            /**
             * Format: int64
             * @description The revision of the job.
             */
            revision?: number;
            /** @description The worker renews its lease, but reports no progress. */
            stalled?: boolean;
            /**
             * Format: date-time
             * @description When the first attempt started.
             */
            startedAt?: string;
            /** @description The status of the job. */
            status?: components["schemas"]["headway.jobs.v1.JobStatus"];
            /** @description The name of the active step, or empty. Set in every message about a job. */
            step?: string;
            /** @description The steps, in order. */
            steps: components["schemas"]["headway.jobs.v1.Step"][];
            /**
             * Format: date-time
             * @description When this state was reached.
             */
            timestamp?: string;
            /** @description The title of the job. */
            title?: string;
            /** @description The type of this message. */
            type: components["schemas"]["headway.edge.v1.StreamMessageType"];
            /**
             * @description The subject of the token or cookie of the stream. Set in `connected`. Another user might have signed in on this browser
             *     since the page was loaded.
             */
            user?: string;
        };
        /**
         * @description StreamMessageType is the type of a message. In JSON: `connected`, `initial_status`, `job_update`, …
         * @enum {string}
         */
        "headway.edge.v1.StreamMessageType": "unspecified" | "connected" | "initial_status" | "job_update" | "job_deleted" | "reauth" | "draining" | "limit";
        /** @description ChangedCell is a cell before and after all rules. */
        "headway.imports.v1.ChangedCell": {
            /** @description The value, at most 80 characters. Empty if the column is empty. */
            after: string;
            /** @description The content of the cell, at most 80 characters. */
            before: string;
            /** @description The location, as in an issue. */
            cell: string;
        };
        /** @description ColumnChanges are the cells of a column that were changed before they were imported. */
        "headway.imports.v1.ColumnChanges": {
            /**
             * Format: int64
             * @description The number of cells that were changed, each counted once.
             */
            cells: number;
            /** @description The schema's name of the column. */
            column: string;
            /** @description What has changed them, in the order in which it is applied. A cell can be changed by several. */
            rules: components["schemas"]["headway.imports.v1.RuleChanges"][];
            /** @description Its display name. */
            title: string;
        };
        /** @description ColumnJoin joins the texts of the cells below several headers. */
        "headway.imports.v1.ColumnJoin": {
            /** @description The schema's name of the column. */
            column: string;
            /** @description The texts of the headers, in the order of the result. */
            headers: string[];
            /**
             * @description Those of the headers whose numbers are subtracted, such as debits. In each row, one of the cells has a number. Zeros and dashes next to it are
             *     ignored. A subtracted number that already has a sign is an error.
             */
            negated?: string[];
            /** @description The text between two cells. Empty cells have no separator. */
            separator?: string;
        };
        /** @description ColumnProposal is a column of a file for a column of the schema. */
        "headway.imports.v1.ColumnProposal": {
            /** @description The schema's name of the column. */
            column: string;
            /** @description The text of the header in the file. */
            header: string;
            /** @description The numbers among the first values, if some have a decimal comma and others a decimal point. */
            mixedDecimals?: components["schemas"]["headway.imports.v1.MixedDecimals"];
            /**
             * @description Ways to read the values, if some of the first ones can be read in several ways, or only with rules, such as those with a currency:
             *     rules for the column, with the resulting values. The most likely one comes first.
             */
            readings: components["schemas"]["headway.imports.v1.Reading"][];
            /** @description Whether only the first of the readings fits all of the first values. */
            readingSure: boolean;
            /** @description Why it is proposed. */
            reason: components["schemas"]["headway.imports.v1.ProposalReason"];
            /** @description The first different values, at most 5, as they would be imported by the rules of the schema and the mapping. */
            samples: components["schemas"]["headway.imports.v1.SampleValue"][];
            /**
             * Format: double
             * @description How likely it is that the two are the same column, from 0 to 1.
             */
            score: number;
            /** @description Whether it can be used without asking the user: it is likely, and all others are much less likely. */
            sure: boolean;
        };
        /** @description ColumnSplit splits the text of each cell below a header into parts, one for each column. */
        "headway.imports.v1.ColumnSplit": {
            /**
             * @description The schema's names of the columns, in the order of the parts. An empty name leaves a part out. The last column has the rest
             *     of the text. If there are fewer parts, the last columns are empty.
             */
            columns: string[];
            /**
             * @description The text is split at its last separators, so the first column has the rest. If there are fewer parts, the first columns are
             *     empty.
             */
            fromEnd?: boolean;
            /** @description The text of the header. */
            header: string;
            /** @description The text between two parts. Blanks around a part are removed. A separator of blanks stands for any number of them. */
            separator: string;
        };
        /**
         * @description ColumnType is the type of the cells of a column.
         * @enum {string}
         */
        "headway.imports.v1.ColumnType": "unspecified" | "text" | "integer" | "decimal" | "boolean" | "date" | "time" | "datetime" | "email" | "phone" | "enum";
        /** @description ConfirmImportResponse returns the import. */
        "headway.imports.v1.ConfirmImportResponse": {
            /** @description The import: queued to be committed, or cancelled. */
            import?: components["schemas"]["headway.imports.v1.Import"];
        };
        /**
         * @description Counts are the row counts of a sheet or an import.
         *     They add up: read = inserted + updated + unchanged + rejected + blocked + skipped.
         */
        "headway.imports.v1.Counts": {
            /**
             * Format: int64
             * @description Rows that refer to a rejected or blocked row.
             */
            blocked: number;
            /**
             * Format: int64
             * @description Rows with a new key.
             */
            inserted: number;
            /**
             * Format: int64
             * @description The number of errors. The first 10,000 per sheet are stored.
             */
            issues: number;
            /**
             * Format: int64
             * @description Rows with content below the header, except those that a notice counts as left out.
             */
            read: number;
            /**
             * Format: int64
             * @description Rows with errors.
             */
            rejected: number;
            /**
             * Format: int64
             * @description Rows that the run did not check because it ended early.
             */
            skipped: number;
            /**
             * Format: int64
             * @description Rows that equal the existing row.
             */
            unchanged: number;
            /**
             * Format: int64
             * @description Rows that changed an existing row.
             */
            updated: number;
            /**
             * Format: int64
             * @description The number of warnings. The first 10,000 per sheet are stored.
             */
            warnings: number;
        };
        /** @description DeleteMappingResponse is empty. */
        "headway.imports.v1.DeleteMappingResponse": Record<string, unknown>;
        /** @description FilePreview describes the contents of a file, and how it could be imported. */
        "headway.imports.v1.FilePreview": {
            /** @description Whether the file can be imported as it is, and has no unmapped column that could be one of the schema. */
            certain: boolean;
            /** @description The name of the file. */
            fileName: string;
            /** @description The proposals as a mapping for an upload. */
            mapping: components["schemas"]["headway.imports.v1.SheetMapping"][];
            /** @description The message of the problem. */
            problem: string;
            /** @description Why the file can't be imported as it is: the reason and the message that an upload would return. Empty if it can. */
            problemReason: string;
            /** @description The best sheet of the file for each sheet of the schema that has one. */
            proposals: components["schemas"]["headway.imports.v1.SheetProposal"][];
            /**
             * Format: date-time
             * @description When the caller last mapped a file with the same headers. The proposals then follow that mapping, because the request has none.
             */
            rememberedAt?: string;
            /** @description The schema. */
            schema: string;
            /** @description The sheets of the file. */
            sheets: components["schemas"]["headway.imports.v1.PreviewSheet"][];
            /** @description The format of a text file, as it was detected or set. */
            textFormat?: components["schemas"]["headway.imports.v1.TextFormat"];
            /** @description The formats of several text files, by the names of the files. */
            textFormats: {
                [key: string]: components["schemas"]["headway.imports.v1.TextFormat"];
            };
        };
        /** @description GetImportResponse returns the import. */
        "headway.imports.v1.GetImportResponse": {
            /** @description The current snapshot. */
            import?: components["schemas"]["headway.imports.v1.Import"];
        };
        /**
         * @description Import is a snapshot of an import. Its job has the same ID, and contains the status, the percentage, and the
         *     revision.
         */
        "headway.imports.v1.Import": {
            /** @description Whether the rows are in the database. */
            committed: boolean;
            /**
             * Format: date-time
             * @description When the upload was accepted.
             */
            createdAt?: string;
            /** @description Whether the run is rolled back in any case. */
            dryRun: boolean;
            /** @description The name of the uploaded file, without a path. */
            fileName: string;
            /** @description The ID of the import and of its job. */
            importId: string;
            /** @description The job: status, revision, progress, error. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
            /** @description The mapping of the upload. With it, the same file can be imported again in the same way. Only GetImport returns it. */
            mapping: components["schemas"]["headway.imports.v1.SheetMapping"][];
            /** @description Whether rows are inserted or updated. */
            mode: components["schemas"]["headway.imports.v1.ImportMode"];
            /** @description The latest issues, at most 20, newest first. ListIssues returns all stored issues by page. */
            newestIssues: components["schemas"]["headway.imports.v1.Issue"][];
            /** @description Notices for the user, for example "These bytes were imported before". */
            notices: components["schemas"]["headway.imports.v1.Notice"][];
            /** @description What to do if rows have issues. */
            onIssues: components["schemas"]["headway.imports.v1.OnIssues"];
            /** @description The user who uploaded it. */
            owner: string;
            /** @description The root causes that block the most rows, at most 20. Complete when every sheet has been checked. */
            rootCauses: components["schemas"]["headway.imports.v1.RootCause"][];
            /** @description The schema's name. */
            schema: string;
            /** @description SHA-256 of the uploaded file, in hexadecimal. */
            sha256: string;
            /** @description The sheets, in the order in which they are loaded. */
            sheets: components["schemas"]["headway.imports.v1.SheetImport"][];
            /**
             * Format: int64
             * @description The size of the uploaded file.
             */
            sizeBytes: number;
            /** @description How a text file was read: the detected fields, and those that the upload has set. Not set for workbooks. */
            textFormat?: components["schemas"]["headway.imports.v1.TextFormat"];
            /** @description How each of several text files was read, by the names of the files. Their `file_name` lists them. */
            textFormats: {
                [key: string]: components["schemas"]["headway.imports.v1.TextFormat"];
            };
            /** @description The sum over the sheets. */
            totals?: components["schemas"]["headway.imports.v1.Counts"];
            /** @description Sheets of the workbook that are not imported. */
            unusedSheets: components["schemas"]["headway.imports.v1.UnusedSheet"][];
        };
        /** @description ImportLinks holds the paths of an import at the edge. */
        "headway.imports.v1.ImportLinks": {
            /** @description The workbook with the imported rows. */
            imported: string;
            /** @description The issues, by page. */
            issues: string;
            /** @description The import's job. */
            job: string;
            /** @description The workbook with the rows to fix. */
            report: string;
            /** @description The import itself. */
            self: string;
            /** @description The live stream of the import. */
            stream: string;
        };
        /**
         * @description ImportMode determines whether rows are inserted or updated.
         * @enum {string}
         */
        "headway.imports.v1.ImportMode": "unspecified" | "upsert" | "insert_only" | "update_only";
        /** @description Issue is one error or warning, with its location. */
        "headway.imports.v1.Issue": {
            /** @description The location, as in Excel: "Employees!D4711". In a text file: "line 4,711, column 3". In one of several: "staff.csv: line 4,711, column 3". */
            cell: string;
            /** @description The kind of issue. */
            code: components["schemas"]["headway.imports.v1.IssueCode"];
            /** @description The schema's name of the column. Empty if the issue concerns the whole row. */
            column: string;
            /** @description The header of the column in the file, or its title in the schema if the file does not have it. At most 200 characters. */
            columnTitle: string;
            /** @description The location, for programs and other languages. Not set for imports of earlier versions. */
            location?: components["schemas"]["headway.imports.v1.Location"];
            /** @description A message that describes the issue and how to fix it, in English. */
            message: string;
            /**
             * Format: int64
             * @description Row number in the sheet, from 1. In a text file, the number of the line where the row begins.
             */
            row: number;
            /** @description Error or warning. */
            severity: components["schemas"]["headway.imports.v1.IssueSeverity"];
            /** @description The schema's name of the sheet. */
            sheet: string;
            /** @description The message, for other languages. Not set for imports of earlier versions. */
            text?: components["schemas"]["headway.imports.v1.Text"];
            /** @description The content of the cell, at most 200 characters. */
            value: string;
        };
        /**
         * @description IssueCode is the kind of an issue.
         * @enum {string}
         */
        "headway.imports.v1.IssueCode": "unspecified" | "required" | "not_a_number" | "not_an_integer" | "not_a_boolean" | "not_a_date" | "ambiguous_date" | "not_a_time" | "not_an_email" | "not_a_phone" | "not_allowed" | "length" | "range" | "pattern" | "duplicate_in_file" | "duplicate_in_database" | "reference_missing" | "reference_blocked" | "reference_cycle" | "cell_error" | "formula_without_value" | "key_exists" | "key_unknown" | "precision_lost" | "number_as_text" | "column_ignored" | "ambiguous_number" | "invalid_character" | "normalized" | "not_a_record" | "merged_cells" | "object" | "refused_by_database" | "line_repaired" | "line_unreadable";
        /** @description IssueCount counts the issues of one severity and code. */
        "headway.imports.v1.IssueCount": {
            /** @description The code. */
            code: components["schemas"]["headway.imports.v1.IssueCode"];
            /**
             * Format: int64
             * @description The number of issues found.
             */
            found: number;
            /** @description The severity. */
            severity: components["schemas"]["headway.imports.v1.IssueSeverity"];
        };
        /**
         * @description IssueSeverity is the severity of an issue.
         * @enum {string}
         */
        "headway.imports.v1.IssueSeverity": "unspecified" | "error" | "warning";
        /** @description ListImportsResponse is a page of imports. */
        "headway.imports.v1.ListImportsResponse": {
            /** @description Newest first, without issues and root causes. */
            imports: components["schemas"]["headway.imports.v1.Import"][];
            /** @description The token of the next page. Empty on the last page. */
            nextPageToken: string;
        };
        /** @description ListIssuesResponse is a page of issues. */
        "headway.imports.v1.ListIssuesResponse": {
            /**
             * Format: int64
             * @description The total number of issues found. It exceeds the number of stored issues if a sheet has more than 10,000.
             */
            found: number;
            /** @description The issues. */
            issues: components["schemas"]["headway.imports.v1.Issue"][];
            /**
             * Format: int64
             * @description The total number of stored issues that match.
             */
            matching: number;
            /** @description The token of the next page. Empty on the last page. */
            nextPageToken: string;
        };
        /**
         * @description ListKind is how the values of a list are joined.
         * @enum {string}
         */
        "headway.imports.v1.ListKind": "unspecified" | "or" | "and" | "comma" | "spaced";
        /** @description ListMappingsResponse returns the mappings. */
        "headway.imports.v1.ListMappingsResponse": {
            /** @description The mappings, ordered by name: first the caller's, then those of others. */
            mappings: components["schemas"]["headway.imports.v1.SavedMapping"][];
        };
        /** @description ListSchemasResponse returns the schemas. */
        "headway.imports.v1.ListSchemasResponse": {
            /** @description The schemas, ordered by name. */
            schemas: components["schemas"]["headway.imports.v1.Schema"][];
        };
        /** @description Location is a cell, or a row, of a file. */
        "headway.imports.v1.Location": {
            /**
             * Format: int64
             * @description The number of the column, from 1. 0 means the whole row.
             */
            column: number;
            /** @description The name of the text file, if several were uploaded. */
            file: string;
            /** @description Whether the row is a line of a text file. */
            line: boolean;
            /**
             * Format: int64
             * @description The number of the row, or of the line of a text file, from 1.
             */
            row: number;
            /** @description The name of the sheet in the workbook. Empty for text files. */
            sheet: string;
        };
        /** @description MixedDecimals counts numbers by their separator of decimals. Numbers without separators, such as 12, are not counted. */
        "headway.imports.v1.MixedDecimals": {
            /**
             * Format: int64
             * @description Those that can only have a decimal comma, such as 1.234,56.
             */
            comma: number;
            /**
             * Format: int64
             * @description Those that can have either, such as 1.234.
             */
            either: number;
            /**
             * Format: int64
             * @description Those that can only have a decimal point, such as 1,234.56.
             */
            point: number;
        };
        /** @description Notice is useful information that is not an error. */
        "headway.imports.v1.Notice": {
            /**
             * Format: int64
             * @description The number of rows, columns, or merged ranges that the notice is about. 0 if it isn't about any.
             */
            count: number;
            /** @description The text in English. */
            message: string;
            /** @description The first ten of them, as in Excel: "A2:C2" for cells, "7:7" for rows, "D:D" for columns. */
            ranges: string[];
            /**
             * @description Machine-readable. SAME_FILE and REQUEST_REPLAYED are names of headway.errors.v1.ErrorReason, and are about the file. So are
             *     TEXT_FORMAT, which describes how a text file was read, and FILES_IGNORED, which names files of an archive without data.
             *     The others are about a sheet:
             *
             *       HIDDEN_SHEET      the sheet is hidden, and was imported
             *       HIDDEN_IGNORED    a hidden sheet matches the same sheet of the schema as an imported one, and was not imported
             *       VISIBLE_PREFERRED a visible sheet with another name was imported instead of a hidden one
             *       HIDDEN_ROWS       rows are hidden, for example by a filter, and were imported
             *       HIDDEN_COLUMNS    columns are hidden, and were imported
             *       MERGED_CELLS      merged cells: each row has the value that the merged cell shows
             *       TOTALS_LEFT_OUT   totals rows were left out
             *       HEADERS_LEFT_OUT  repeated header rows were left out
             *       FILLERS_LEFT_OUT  rows with only prefilled checkboxes and formulas were left out
             *       OTHER_TABLE       rows of another Excel table of the sheet were imported
             *       BELOW_TABLE       rows below the Excel table were imported
             *       ABOVE_TABLE       rows with several values above the headers were not imported
             *       TABLE_IGNORED     the sheet has several tables, one below or next to another, and this one is not imported: it is not mapped to
             *                         a sheet of the schema. The notice has no `sheet`
             *       SPARSE_ROWS       a few rows have a value in one column only, and were imported
             *       SUM_ROWS          rows have numbers that are the sums or averages of the rows above, possibly by chance, and were imported
             *       REPEATED_ROWS     rows of a distinct table are equal to an earlier one, and were imported once
             *       COLUMNS_ADDED     the table has rows and lacked columns, so these columns were added
             */
            reason: string;
            /** @description The schema's name of the sheet. Empty if the notice is about the file. */
            sheet: string;
            /** @description The text, for other languages. Not set for imports of earlier versions. */
            text?: components["schemas"]["headway.imports.v1.Text"];
        };
        /**
         * @description OnIssues is the caller's choice of what happens if rows have issues.
         * @enum {string}
         */
        "headway.imports.v1.OnIssues": "unspecified" | "abort" | "skip_rows" | "review";
        /** @description Parameter is the value of a parameter, or an item of a list. */
        "headway.imports.v1.Parameter": {
            /**
             * Format: int64
             * @description A number of things, for plurals.
             */
            count?: number;
            /** @description A date, a time of day, or both, as in ISO 8601: "2025-04-03", "09:30:00", "2025-04-03T09:30:00". */
            date?: string;
            /** @description Several values. */
            list?: components["schemas"]["headway.imports.v1.ParameterList"];
            /** @description A cell or a row. */
            location?: components["schemas"]["headway.imports.v1.Location"];
            /** @description Another message. */
            nested?: components["schemas"]["headway.imports.v1.Text"];
            /** @description A number of the data in its plain form: "-1234.5". */
            number?: string;
            /** @description The content of a cell. */
            quotation?: components["schemas"]["headway.imports.v1.Quotation"];
            /** @description A text that is the same in all languages, such as the title of a column. In a select, it is the name of the option. */
            text?: string;
        } & (Record<string, unknown> | {
            text: string;
        } | {
            /** Format: int64 */
            count: number;
        } | {
            number: string;
        } | {
            date: string;
        } | {
            location: components["schemas"]["headway.imports.v1.Location"];
        } | {
            quotation: components["schemas"]["headway.imports.v1.Quotation"];
        } | {
            nested: components["schemas"]["headway.imports.v1.Text"];
        } | {
            list: components["schemas"]["headway.imports.v1.ParameterList"];
        });
        /** @description ParameterList is a list of values. */
        "headway.imports.v1.ParameterList": {
            /** @description How the values are joined. */
            kind: components["schemas"]["headway.imports.v1.ListKind"];
            /** @description The values. */
            values: components["schemas"]["headway.imports.v1.Parameter"][];
        };
        /** @description PreviewColumn is a column of a sheet of a file. */
        "headway.imports.v1.PreviewColumn": {
            /**
             * Format: int64
             * @description Its number, from 1.
             */
            column: number;
            /** @description The text of its header. */
            header: string;
            /** @description At most 5 different values from the first rows. */
            values: string[];
        };
        /** @description PreviewFileResponse returns the preview. */
        "headway.imports.v1.PreviewFileResponse": {
            /** @description The preview. */
            preview?: components["schemas"]["headway.imports.v1.FilePreview"];
        };
        /** @description PreviewImportResponse returns the preview. */
        "headway.imports.v1.PreviewImportResponse": {
            /** @description The preview. */
            preview?: components["schemas"]["headway.imports.v1.FilePreview"];
        };
        /** @description PreviewSheet is a sheet of a file. */
        "headway.imports.v1.PreviewSheet": {
            /** @description The columns that have a header, at most 512. */
            columns: components["schemas"]["headway.imports.v1.PreviewColumn"][];
            /** @description The name of its file, if it is one of several text files. */
            file: string;
            /**
             * Format: int64
             * @description The last row with headers. 0 for a sheet without content.
             */
            headerRow: number;
            /** @description Whether it is hidden. */
            hidden: boolean;
            /** @description Its name. */
            name: string;
            /**
             * @description The name of the sheet that the table is on, if the sheet has several tables, one below or next to another, and this is not its main
             *     one. The name is then that of the table.
             */
            tableOf: string;
        };
        /**
         * @description ProposalReason is the reason for a proposal.
         * @enum {string}
         */
        "headway.imports.v1.ProposalReason": "unspecified" | "mapping" | "name" | "similar_name" | "values";
        /** @description Quotation is the content of a cell, at most 40 characters of it. */
        "headway.imports.v1.Quotation": {
            /** @description Remarks about characters that can't be seen, or that look like others. */
            remarks: components["schemas"]["headway.imports.v1.Text"][];
            /** @description The content. */
            text: string;
        };
        /** @description Reading is a way to read the values of a column. */
        "headway.imports.v1.Reading": {
            /** @description A cell that can be read in several ways. */
            cell: string;
            /** @description The rules. */
            rules?: components["schemas"]["headway.imports.v1.ValueRules"];
            /** @description Its value by these rules. */
            value: string;
        };
        /** @description RepeatImportResponse returns the new import. */
        "headway.imports.v1.RepeatImportResponse": {
            /** @description The queued import. */
            import?: components["schemas"]["headway.imports.v1.Import"];
            /** @description Whether the request_id was used before for the same request. `import` is then the one that it created. */
            replayed: boolean;
        };
        /** @description Replacement replaces all occurrences of a text, or all matches of a pattern. */
        "headway.imports.v1.Replacement": {
            /** @description A regular expression (RE2). */
            pattern?: string;
            /** @description The text. Either this or a pattern is set. */
            text?: string;
            /** @description The new text. After a pattern, it can have $1. */
            with?: string;
        };
        /** @description RootCause is one issue that blocks other rows. */
        "headway.imports.v1.RootCause": {
            /**
             * Format: int64
             * @description The number of blocked rows, on all sheets.
             */
            blockedRows: number;
            /** @description The issue. */
            issue?: components["schemas"]["headway.imports.v1.Issue"];
            /** @description The message for the user, with the number of blocked rows, in English. */
            message: string;
            /** @description The message, for other languages. Not set for imports of earlier versions. */
            text?: components["schemas"]["headway.imports.v1.Text"];
        };
        /** @description RuleChanges are the cells that one rule has changed. */
        "headway.imports.v1.RuleChanges": {
            /**
             * Format: int64
             * @description The number of cells.
             */
            cells: number;
            /**
             * @description The rule: above (of the rule blank), unicode, collapse, trim, remove, replace, case, empty, lookup, add, separators, percent, units, dates, words, or
             *     default. For cells that were changed without a rule, because their text had exactly one reading, it is reading.
             */
            rule: string;
            /** @description The first of them, at most 3. */
            samples: components["schemas"]["headway.imports.v1.ChangedCell"][];
        };
        /** @description SampleValue is a cell and its value. */
        "headway.imports.v1.SampleValue": {
            /** @description The content of the cell. */
            cell: string;
            /** @description The code of this problem, as that of an issue. Unspecified if the cell has a value. */
            code: components["schemas"]["headway.imports.v1.IssueCode"];
            /** @description Why the cell has no value, in English. Empty if it has one. */
            problem: string;
            /** @description The problem, for other languages. */
            text?: components["schemas"]["headway.imports.v1.Text"];
            /** @description The value. Empty for an empty column. */
            value: string;
        };
        /** @description SavedMapping is a mapping with a name. */
        "headway.imports.v1.SavedMapping": {
            /** @description The mapping, for an upload. */
            mapping: components["schemas"]["headway.imports.v1.SheetMapping"][];
            /** @description The name, unique for its owner and the schema. */
            name: string;
            /** @description The user who has saved it. Only this user can change or delete it. */
            owner: string;
            /**
             * Format: date-time
             * @description When it was saved.
             */
            savedAt?: string;
            /** @description Whether all users of the schema see it. */
            shared: boolean;
        };
        /** @description SaveMappingResponse returns the mapping. */
        "headway.imports.v1.SaveMappingResponse": {
            /** @description The mapping as it was saved. */
            mapping?: components["schemas"]["headway.imports.v1.SavedMapping"];
        };
        /** @description Schema describes the workbooks that can be imported under its name. */
        "headway.imports.v1.Schema": {
            /** @description Description of its purpose. */
            description: string;
            /** @description The name that uploads use ("workforce"). */
            name: string;
            /** @description The sheets, in the order in which they are loaded: parents before children. */
            sheets: components["schemas"]["headway.imports.v1.SchemaSheet"][];
            /** @description Display name. */
            title: string;
        };
        /** @description SchemaColumn describes one column of a sheet. */
        "headway.imports.v1.SchemaColumn": {
            /** @description Other headers of this column. */
            aliases: string[];
            /** @description The allowed values. If empty, any value. */
            allowed: string[];
            /** @description Maximum value, as text. Empty means no limit. */
            maximum: string;
            /**
             * Format: int64
             * @description Maximum length of the text, in characters. 0 means no limit.
             */
            maxLength: number;
            /** @description Minimum value, as text. Empty means no limit. */
            minimum: string;
            /**
             * Format: int64
             * @description Minimum length of the text, in characters. 0 means no limit.
             */
            minLength: number;
            /** @description Stable name, also in the table ("hired_on"). */
            name: string;
            /** @description Regular expression (RE2) for the whole text. Empty means none. */
            pattern: string;
            /** @description The column that this column refers to, as `sheet.column`. Empty means none. */
            references: string;
            /** @description Whether an empty cell is an issue. */
            required: boolean;
            /** @description The value rules, with those that the column has because it refers to another one. Not set if there are none. */
            rules?: components["schemas"]["headway.imports.v1.ValueRules"];
            /** @description The header in a template ("Hired on"). */
            title: string;
            /** @description The type of the cells. */
            type: components["schemas"]["headway.imports.v1.ColumnType"];
            /** @description Whether a duplicate value is an issue. */
            unique: boolean;
        };
        /** @description SchemaSheet describes one sheet and its table. */
        "headway.imports.v1.SchemaSheet": {
            /** @description Other names of the sheet in workbooks. */
            aliases: string[];
            /** @description The columns. */
            columns: components["schemas"]["headway.imports.v1.SchemaColumn"][];
            /** @description The columns that identify a row. */
            key: string[];
            /** @description Stable name ("employees"), also the name of the import's step. */
            name: string;
            /** @description Whether the sheet can be missing in a workbook. */
            optional: boolean;
            /** @description The table in the target database. */
            table: string;
            /** @description Display name, and the sheet's name in a template ("Employees"). */
            title: string;
        };
        /** @description SheetImport is one sheet of an import. */
        "headway.imports.v1.SheetImport": {
            /** @description The columns with cells that were changed before they were imported. Empty until the sheet has been checked. */
            changes: components["schemas"]["headway.imports.v1.ColumnChanges"][];
            /** @description Its counts so far. */
            counts?: components["schemas"]["headway.imports.v1.Counts"];
            /**
             * @description The number of issues by severity and code, including those that are not stored. Empty until the sheet has been
             *     checked.
             */
            issueCounts: components["schemas"]["headway.imports.v1.IssueCount"][];
            /** @description The schema's name of the sheet, which is also the name of the job's step ("employees"). */
            name: string;
            /** @description The state of the sheet. */
            state: components["schemas"]["headway.jobs.v1.StepState"];
            /** @description Display name ("Employees"). */
            title: string;
            /** @description Columns of the sheet with a header that the schema does not have. They are not imported. */
            unusedColumns: components["schemas"]["headway.imports.v1.UnusedColumn"][];
            /** @description The sheet's name in the workbook. */
            workbookSheet: string;
        };
        /** @description SheetMapping assigns a sheet of the workbook to a sheet of the schema, if their names differ. */
        "headway.imports.v1.SheetMapping": {
            /**
             * @description The file does not have this sheet, even if one has its name. Nothing is imported for it, and no row of its table is changed. Such an
             *     entry has no other fields. Without it, a workbook must have all sheets that are not optional.
             */
            absent?: boolean;
            /**
             * @description Maps the schema's name of a column to the text of its header. An empty text leaves the column out. Other columns are found
             *     by name.
             */
            columns?: {
                [key: string]: string;
            };
            /**
             * @description Maps the schema's name of a column to the value that all rows have. It is read like the text of a cell. Such a column has no
             *     header.
             */
            constants?: {
                [key: string]: string;
            };
            /**
             * @description Rows that are equal in all columns of this entry are imported once. Different rows with the same key are errors. Other entries
             *     can name the same sheet of the workbook.
             */
            distinct?: boolean;
            /** @description Columns that have the texts of several headers. */
            joins?: components["schemas"]["headway.imports.v1.ColumnJoin"][];
            /** @description Value rules by the schema's names of columns. Each replaces the same rule of the schema. */
            rules?: {
                [key: string]: components["schemas"]["headway.imports.v1.ValueRules"];
            };
            /** @description The schema's name of the sheet. */
            sheet: string;
            /** @description Columns that each have a part of the text of one header. */
            splits?: components["schemas"]["headway.imports.v1.ColumnSplit"][];
            /**
             * @description The sheet's name in the workbook, or the name of one of several text files without its extension. If empty, the sheet is found by
             *     name.
             */
            workbookSheet?: string;
        };
        /** @description SheetProposal is a sheet of a file for a sheet of the schema. */
        "headway.imports.v1.SheetProposal": {
            /** @description Columns of the file for columns of the schema. */
            columns: components["schemas"]["headway.imports.v1.ColumnProposal"][];
            /** @description The schema's name of the sheet. */
            sheet: string;
            /** @description The sheet's name in the file. */
            workbookSheet: string;
        };
        /** @description Text is a message of the catalogs. The catalogs, one JSON file of ICU messages for each language, are in internal/messages. */
        "headway.imports.v1.Text": {
            /** @description The ID of the message: "range.below". It stays the same if the English text changes. */
            messageId: string;
            /** @description The parameters by their names in the message. */
            parameters: {
                [key: string]: components["schemas"]["headway.imports.v1.Parameter"];
            };
        };
        /** @description TextFormat is how a text file stores rows and cells. In an upload, empty fields are detected from the file. */
        "headway.imports.v1.TextFormat": {
            /** @description The file begins with a byte order mark. Ignored in an upload. */
            byteOrderMark?: boolean;
            /**
             * Format: int64
             * @description The number of cells that most rows have. Ignored in an upload.
             */
            columns?: number;
            /** @description The character between two cells, or one of the words comma, semicolon, tab, pipe, space, colon, and none. */
            delimiter?: string;
            /** @description The encoding: "UTF-8", "UTF-16LE", "windows-1252", "Shift_JIS", "GB18030", or another name of the WHATWG encodings. */
            encoding?: string;
            /** @description The character before a quotation mark inside a cell: a backslash, or the quotation mark again. */
            escape?: string;
            /**
             * @description The end of a line: LF, CRLF, or CR.
             * @enum {string}
             */
            lineBreak?: "" | "LF" | "CRLF" | "CR";
            /** @description The quotation mark around cells that can have delimiters and line breaks: ", ', `, or the word none. */
            quote?: string;
            /** @description Blanks after a delimiter do not belong to the cell. */
            skipBlanks?: boolean;
        };
        /** @description UnusedColumn is a column of a workbook that is not imported. */
        "headway.imports.v1.UnusedColumn": {
            /**
             * Format: int64
             * @description The number of the column in the sheet, from 1.
             */
            column: number;
            /** @description The text of its header; at most 200 characters. */
            header: string;
        };
        /** @description UnusedSheet is a sheet of a workbook that is not imported, because the schema has no sheet with this name. */
        "headway.imports.v1.UnusedSheet": {
            /** @description Whether the sheet is hidden in the workbook. */
            hidden: boolean;
            /** @description The sheet's name in the workbook. */
            name: string;
        };
        /** @description UploadWorkbookResponse returns the accepted import. */
        "headway.imports.v1.UploadWorkbookResponse": {
            /** @description The queued import. It has `notices` if the same bytes or the same request were sent before. */
            import?: components["schemas"]["headway.imports.v1.Import"];
            /** @description The paths of the import. Set over REST only. */
            links?: components["schemas"]["headway.imports.v1.ImportLinks"];
            /** @description Whether the request_id was used before for the same upload. `import` is then the earlier one. */
            replayed: boolean;
        };
        /**
         * @description ValueRules are the rules of a column. Every rule is optional. They are applied in the order of the fields. A rule of a mapping
         *     replaces the same rule of the schema. docs/value-rules.md has examples of each.
         */
        "headway.imports.v1.ValueRules": {
            /** @description A text that is added at the beginning if it is not there. */
            addPrefix?: string;
            /** @description A text that is added at the end if it is not there. */
            addSuffix?: string;
            /** @description The separator before the decimals of the numbers that have several readings: a point or a comma. All others are read as they are. */
            ambiguousDecimal?: string;
            /**
             * @description What an empty cell means. For a row that the database has: clear or keep. With above, the cell has the value of the cell above.
             * @enum {string}
             */
            blank?: "" | "clear" | "keep" | "above";
            /**
             * @description The calendar of years that can be of several: gregorian or buddhist.
             * @enum {string}
             */
            calendar?: "" | "gregorian" | "buddhist";
            /**
             * @description The case of all letters: upper or lower.
             * @enum {string}
             */
            case?: "" | "upper" | "lower";
            /** @description Replace white space of any length with one space. */
            collapse?: boolean;
            /** @description The forms of dates, as in UTS #35: dd.MM.yyyy. */
            dateFormats?: string[];
            /**
             * @description The order of day, month, and year: dmy, mdy, or ymd.
             * @enum {string}
             */
            dateOrder?: "" | "dmy" | "mdy" | "ymd";
            /** @description The separator before the decimals of a number: a point or a comma. */
            decimal?: string;
            /** @description The value of empty cells, in the plain form of the column's type. */
            default?: string;
            /** @description Texts that mean an empty cell. */
            empty?: string[];
            /** @description A decimal by which numbers without a unit are multiplied, because the column is in thousands, for example. It can be negative. */
            factor?: string;
            /** @description Words for false, in addition to the usual ones. */
            falseValues?: string[];
            /** @description Replacements for whole texts, in the plain form of the column's type. */
            lookup?: {
                [key: string]: string;
            };
            /**
             * @description Whether 12% is 0.12 (fraction) or 12 (number).
             * @enum {string}
             */
            percent?: "" | "fraction" | "number";
            /**
             * Format: int64
             * @description The last year that a year of two digits can mean, from 1999 to 2098. 0 means that such a year has two meanings.
             */
            pivotYear?: number;
            /** @description Texts to remove from the beginning. */
            removePrefix?: string[];
            /** @description Texts to remove from the end. */
            removeSuffix?: string[];
            /** @description Replacements, one after the other. */
            replace?: components["schemas"]["headway.imports.v1.Replacement"][];
            /** @description The separator between thousands: a point, a comma, a space, an apostrophe, or none. */
            thousands?: string;
            /** @description Characters to remove from both ends, in addition to white space. */
            trim?: string;
            /** @description Words for true, in addition to the usual ones. */
            trueValues?: string[];
            /**
             * @description The normal form of Unicode: nfc, which all texts have, or nfkc.
             * @enum {string}
             */
            unicode?: "" | "nfc" | "nfkc";
            /** @description Units next to a number, with the factors that convert them to that of the column. */
            units?: {
                [key: string]: string;
            };
        };
        /** @description CancelJobResponse holds the job. */
        "headway.jobs.v1.CancelJobResponse": {
            /** @description The current state of the job: cancelled, or active with `cancel_requested`. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
        };
        /** @description ChangeJobsResponse holds the job that changes the others. */
        "headway.jobs.v1.ChangeJobsResponse": {
            /** @description The job. Its result has the counts `changed` and `refused`. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
            /** @description The same request was made before with this request_id. The job is the earlier one. */
            replayed: boolean;
        };
        /** @description CreateJobRequest describes the job to create. */
        "headway.jobs.v1.CreateJobRequest": {
            /**
             * Format: date-time
             * @description If the job has not ended by then, it fails.
             */
            deadline?: string;
            /** @description The ID of the job, a UUID. Requires the scope `headway:service`. If empty, the service creates an ID. */
            jobId?: string;
            /**
             * @description The kind of job. A worker that leases this kind runs it. 1 to 63 letters, digits, and - _ . / : that start with a letter
             *     or a digit, such as "crawl", "video.transcode", or "SendEmail".
             */
            kind: string;
            /** @description Labels for filtering. A key has 1 to 253 letters, digits, and - _ . / : and starts with a letter or a digit. */
            labels?: {
                [key: string]: string;
            };
            /**
             * @description A limit that the job shares with the other jobs of its owner that have the same key: of active jobs, of starts per time, or of
             *     both.
             */
            limit?: {
                /** @description What is limited, such as "site:example.org". 1 to 200 characters. */
                key: string;
                /**
                 * Format: int64
                 * @description Maximum number of these jobs that are active, or ready to be leased, at a time. 0 means no limit.
                 */
                maxActive?: number;
                /**
                 * Format: int64
                 * @description Maximum number of these jobs that are leased per `per_seconds`, evenly spread: the time between two leases is at least
                 *     `per_seconds` / `max_starts`. Further attempts also count. 0 means no limit.
                 */
                maxStarts?: number;
                /**
                 * Format: double
                 * @description The period of `max_starts`. 0 means 1.
                 */
                perSeconds?: number;
            };
            /**
             * Format: date-time
             * @description The job is not leased before this time.
             */
            notBefore?: string;
            /** @description Creates the job for another user. Requires the scope `headway:service`. */
            owner?: string;
            /** @description The input for the worker; at most 8 KiB as JSON. */
            payload?: Record<string, unknown>;
            /**
             * Format: int32
             * @description Among the jobs of one owner, those with a higher priority run first. It has no effect on other owners' jobs. Above 0, the token needs
             *     the scope headway:priority.
             */
            priority?: number;
            /** @description Makes the call safe to repeat. Unique per owner. At most 128 characters: letters, digits, and - _ . : */
            requestId?: string;
            /** @description When to retry. The documented defaults apply if unset. */
            retry?: components["schemas"]["headway.jobs.v1.RetryPolicy"];
            /** @description The steps, if they are already known. A worker can declare them instead. */
            steps?: components["schemas"]["headway.jobs.v1.StepPlan"][];
            /** @description Display name. */
            title?: string;
        };
        /** @description CreateJobResponse holds the created job. */
        "headway.jobs.v1.CreateJobResponse": {
            /** @description The current state of the job. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
            /** @description The same request was made before with this request_id. The job is the earlier one. */
            replayed: boolean;
        };
        /** @description CreateJobResult is the result of one job of a batch. */
        "headway.jobs.v1.CreateJobResult": {
            /** @description Why the job was refused. Unset if it was created. */
            error?: components["schemas"]["headway.jobs.v1.JobError"];
            /** @description The current state of the job. Unset if it was refused. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
            /** @description The same request was made before with this request_id. The job is the earlier one. */
            replayed: boolean;
        };
        /** @description CreateJobsResponse holds the result of each job. */
        "headway.jobs.v1.CreateJobsResponse": {
            /** @description One per job of the request, in the same order. */
            results: components["schemas"]["headway.jobs.v1.CreateJobResult"][];
        };
        /** @description DeleteJobResponse is empty. */
        "headway.jobs.v1.DeleteJobResponse": Record<string, unknown>;
        /** @description GetJobResponse holds the job. */
        "headway.jobs.v1.GetJobResponse": {
            /** @description The current snapshot. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
        };
        /** @description Job is a snapshot: the whole state of a job at one revision. */
        "headway.jobs.v1.Job": {
            /** @description The last answer given by ResumeJob. */
            answer?: Record<string, unknown>;
            /**
             * Format: int64
             * @description Number of attempts that count toward `max_attempts`: 0 before the first lease, 1 in the first attempt.
             */
            attempt: number;
            /** @description Whether the job was asked to stop, and its worker has not stopped yet. */
            cancelRequested: boolean;
            /**
             * Format: date-time
             * @description When the job reached its terminal status. Unset before.
             */
            completedAt?: string;
            /**
             * Format: date-time
             * @description When the job was created.
             */
            createdAt?: string;
            /**
             * Format: date-time
             * @description If the job has not ended by then, it fails with DEADLINE_PASSED. Unset if there is none.
             */
            deadline?: string;
            /** @description Why the job failed or was cancelled. While it is queued or active for another attempt: why the last attempt ended. */
            error?: components["schemas"]["headway.jobs.v1.JobError"];
            /** @description UUIDv7, so IDs sort by time of creation. */
            jobId: string;
            /** @description The kind of job ("import", "character", "media"). Workers lease jobs by kind. */
            kind: string;
            /** @description Labels for filtering; at most 16. */
            labels: {
                [key: string]: string;
            };
            /** @description The limit that the job shares with others. Unset without one. */
            limit?: components["schemas"]["headway.jobs.v1.Limit"];
            /** @description The job is queued, and waits because of its limit. It has no queue position. */
            limited: boolean;
            /**
             * Format: int64
             * @description After this many attempts, a failing job stays failed.
             */
            maxAttempts: number;
            /**
             * Format: date-time
             * @description The job is not leased before this time, because of a retry's backoff or because the creator asked for it. Unset if
             *     there is none.
             */
            notBefore?: string;
            /**
             * Format: int64
             * @description Bytes of output appended so far. ReadOutput returns them.
             */
            outputBytes: number;
            /** @description The subject of the token that created the job. Only the owner and admins can see the job. */
            owner: string;
            /** @description The input for the worker. Its numbers are rounded to doubles, so whole numbers are exact up to 2^53. `payload_json` is exact. */
            payload?: Record<string, unknown>;
            /**
             * Format: int32
             * @description Among the jobs of one owner, those with a higher priority run first; -100 to 100. Owners take turns, regardless of priority.
             */
            priority: number;
            /** @description The progress. */
            progress?: components["schemas"]["headway.jobs.v1.Progress"];
            /**
             * @description The question to the user while the job is waiting, unless it is too large for a snapshot; see `question_bytes`. Its format is agreed
             *     between the worker and its user interface.
             */
            question?: Record<string, unknown>;
            /**
             * Format: int64
             * @description The size of the question as JSON, if the question is too large for a snapshot. Lists and watches omit such a question.
             *     GetJob returns it.
             */
            questionBytes?: number;
            /**
             * Format: int64
             * @description Queue position: the number of ready jobs of this kind ahead of this one. 0 means next. Set only while the job is queued
             *     and ready (past `not_before`), as soon as it is ready, even when it returns to the queue. It is exact up to 100,
             *     and above that, rounded down to a multiple of 100. 1000 means 1000 or more. It is updated about once per second.
             *     Owners take turns, so it can increase when jobs of other owners arrive.
             */
            queuePosition: number;
            /** @description The result. Set when the job is completed, unless it is too large for a snapshot; see `result_bytes`. */
            result?: Record<string, unknown>;
            /**
             * Format: int64
             * @description The size of the result as JSON, if the result is too large for a snapshot. Lists and watches omit such a result.
             *     GetJob returns it.
             */
            resultBytes?: number;
            /**
             * Format: int64
             * @description Increases by one with every change of the job. It has 32 bits, so that JSON shows it as a number.
             */
            revision: number;
            /**
             * Format: date-time
             * @description When the first attempt began. Unset before.
             */
            startedAt?: string;
            /** @description The status. */
            status: components["schemas"]["headway.jobs.v1.JobStatus"];
            /** @description Display name. At most 200 characters; can be empty. */
            title: string;
            /**
             * Format: date-time
             * @description When this revision was created.
             */
            updatedAt?: string;
            /** @description The worker's name for operators, as set in LeaseJobs. Empty without a lease. */
            worker: string;
        };
        /** @description JobError is the reason why an attempt or a job ended without success. */
        "headway.jobs.v1.JobError": {
            /**
             * Format: int64
             * @description The attempt in which it happened.
             */
            attempt: number;
            /**
             * @description A message for the user. If it has more than 1,000 characters, only its beginning and end are stored, with a note
             *     about the removed characters in between.
             */
            message: string;
            /**
             * @description Machine-readable: a name of headway.errors.v1.ErrorReason, or the worker's own, such as `SITE_DOWN` or `ValueError`.
             *     Spaces become underscores, and reasons above 100 characters are truncated.
             */
            reason: string;
        };
        /**
         * @description JobStatus is the status of a job. REST, SSE, and the clients use these names in lower case, without the prefix.
         * @enum {string}
         */
        "headway.jobs.v1.JobStatus": "unspecified" | "queued" | "active" | "waiting" | "completed" | "failed" | "cancelled";
        /** @description KindChoice is one of the values of a choice. */
        "headway.jobs.v1.KindChoice": {
            /** @description The label for users. Empty means the value. */
            label: string;
            /** @description The value in the payload. Unique in the field. */
            value: string;
        };
        /** @description KindDescription describes a kind of job to users. A web UI can create a form from it. */
        "headway.jobs.v1.KindDescription": {
            /** @description The fields of the form, in their order. A form without fields is a button. */
            fields: components["schemas"]["headway.jobs.v1.KindField"][];
            /** @description The kind. */
            kind: string;
            /** @description A short description. */
            summary: string;
            /** @description The task of such a job, as a heading: "Render a picture". */
            title: string;
        };
        /** @description KindField describes one member of the payload of CreateJob. */
        "headway.jobs.v1.KindField": {
            /** @description The choices, in their order. Only for KIND_FIELD_TYPE_CHOICE, which needs at least one. */
            choices: components["schemas"]["headway.jobs.v1.KindChoice"][];
            /** @description The initial value in the form, as text: "640", "true", or the value of a choice. */
            defaultValue: string;
            /** @description The meaning of an empty field, or an example: "Chosen by the worker". */
            hint: string;
            /** @description The label of the field: "Rays per pixel". */
            label: string;
            /**
             * Format: double
             * @description Maximum value. Only for integers and numbers.
             */
            maximum?: number;
            /**
             * Format: int64
             * @description Maximum characters of a text. 0 means no limit.
             */
            maxLength: number;
            /**
             * Format: double
             * @description Minimum value. Only for integers and numbers.
             */
            minimum?: number;
            /** @description The member's name in the payload. Unique in the description. */
            name: string;
            /** @description Whether the field must be filled in. Empty fields are not in the payload. */
            required: boolean;
            /** @description The type of the value. Unspecified means text. */
            type: components["schemas"]["headway.jobs.v1.KindFieldType"];
        };
        /**
         * @description KindFieldType is the type of a value in the payload.
         * @enum {string}
         */
        "headway.jobs.v1.KindFieldType": "unspecified" | "text" | "integer" | "number" | "boolean" | "choice";
        /**
         * @description Limit bounds how many jobs with the same key run. The jobs of one owner share a key, whatever their kinds. The numbers are those
         *     of the job that was created last.
         */
        "headway.jobs.v1.Limit": {
            /** @description What is limited, such as "site:example.org". 1 to 200 characters. */
            key: string;
            /**
             * Format: int64
             * @description Maximum number of these jobs that are active, or ready to be leased, at a time. 0 means no limit.
             */
            maxActive: number;
            /**
             * Format: int64
             * @description Maximum number of these jobs that are leased per `per_seconds`, evenly spread: the time between two leases is at least
             *     `per_seconds` / `max_starts`. Further attempts also count. 0 means no limit.
             */
            maxStarts: number;
            /**
             * Format: double
             * @description The period of `max_starts`. 0 means 1.
             */
            perSeconds: number;
        };
        /** @description ListJobsResponse is a page of jobs. */
        "headway.jobs.v1.ListJobsResponse": {
            /** @description Most recent first. */
            jobs: components["schemas"]["headway.jobs.v1.Job"][];
            /** @description Token of the next page. Empty on the last page. */
            nextPageToken: string;
        };
        /** @description ListKindsResponse holds the kinds. */
        "headway.jobs.v1.ListKindsResponse": {
            /** @description The descriptions of those kinds that a worker has described, in alphabetical order of the kinds. */
            descriptions: components["schemas"]["headway.jobs.v1.KindDescription"][];
            /** @description The kinds, in alphabetical order. */
            kinds: string[];
        };
        /** @description Progress consists of named steps in a fixed order. The service, not the worker, derives the other values from them. */
        "headway.jobs.v1.Progress": {
            /** @description Name of the active step. Empty if there is none. */
            currentStep: string;
            /**
             * Format: double
             * @description Estimated seconds until the job ends. Unset if unknown.
             */
            etaSeconds?: number;
            /** @description One line for users about the current activity. */
            message: string;
            /**
             * Format: double
             * @description 0 to 100, weighted over the steps. Never decreases, not even across attempts.
             */
            percent: number;
            /**
             * Format: double
             * @description Units of the current step per second, over the last seconds. 0 if unknown.
             */
            rate: number;
            /** @description Whether the worker sends heartbeats, but there has been no progress for a while. */
            stalled: boolean;
            /**
             * @description The steps in their order; at most 1,000, and 256 KiB as JSON. If they are too many or too large for a snapshot, some
             *     are folded (`folded_steps`). GetJob and LeaseJobs return all steps.
             */
            steps: components["schemas"]["headway.jobs.v1.Step"][];
        };
        /** @description ResumeJobResponse holds the job. */
        "headway.jobs.v1.ResumeJobResponse": {
            /** @description The job, queued again. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
        };
        /** @description RetryJobResponse holds the job. */
        "headway.jobs.v1.RetryJobResponse": {
            /** @description The job, queued again. */
            job?: components["schemas"]["headway.jobs.v1.Job"];
        };
        /** @description RetryPolicy describes when a failed attempt is retried. */
        "headway.jobs.v1.RetryPolicy": {
            /**
             * Format: double
             * @description Seconds before the second attempt. They double with every further attempt, with jitter. 0 means 1.
             */
            backoffSeconds?: number;
            /**
             * Format: int64
             * @description Maximum number of attempts. 0 means 3. For a job that must not run twice, set 1.
             */
            maxAttempts?: number;
            /**
             * Format: double
             * @description Maximum backoff in seconds. 0 means 300.
             */
            maxBackoffSeconds?: number;
        };
        /** @description Step is one named part of the work. */
        "headway.jobs.v1.Step": {
            /**
             * Format: date-time
             * @description When the step ended. Unset before.
             */
            completedAt?: string;
            /** @description Named counts in addition to the main one ("inserted", "rejected"). */
            counters: {
                [key: string]: number;
            };
            /**
             * Format: double
             * @description Units done. Exact for whole numbers up to 2^53.
             */
            done: number;
            /**
             * Format: int64
             * @description This entry stands for this many consecutive steps: a snapshot shows 64 at most. Then it has the name of the first step and the
             *     titles of the first and the last, and counts ended steps (`done`, `total`, `unit`). Their counters are added up. Unset for a
             *     step that is shown as it is. Steps that are active or have failed are folded last, and `current_step` never.
             */
            foldedSteps?: number;
            /** @description Steps with the same group are shown together. Can be empty. */
            group: string;
            /** @description One line about this step. Can be empty. */
            message: string;
            /** @description Stable name within the job ("employees"). */
            name: string;
            /**
             * Format: date-time
             * @description When the step became active. Unset before.
             */
            startedAt?: string;
            /** @description The state. */
            state: components["schemas"]["headway.jobs.v1.StepState"];
            /** @description Display name ("Employees"). */
            title: string;
            /**
             * Format: double
             * @description Total units. 0 if unknown.
             */
            total: number;
            /** @description Whether the total is an estimate, which can still change. */
            totalEstimated: boolean;
            /** @description The unit ("rows", "bytes"). */
            unit: string;
            /**
             * Format: double
             * @description Share of the whole job, relative to the other steps.
             */
            weight: number;
        };
        /** @description StepPlan declares a step before it begins. */
        "headway.jobs.v1.StepPlan": {
            /** @description Steps with the same group are shown together. At most 100 characters. */
            group?: string;
            /** @description Stable name within the job: 1 to 100 characters without control characters, such as "employees" or "video.transcode". */
            name: string;
            /** @description Display name. The name is used if it is empty. At most 100 characters. */
            title?: string;
            /**
             * Format: double
             * @description Total units. 0 if unknown.
             */
            total?: number;
            /** @description The unit. At most 32 characters. */
            unit?: string;
            /**
             * Format: double
             * @description Share of the whole job, relative to the other steps; 0 to 1,000,000. 0 means 1.
             */
            weight?: number;
        };
        /**
         * @description StepState is the state of a step.
         * @enum {string}
         */
        "headway.jobs.v1.StepState": "unspecified" | "pending" | "active" | "completed" | "failed" | "skipped";
        /** @description A chunk of a job's output. It has `text` if the bytes are UTF-8, and `data` otherwise. */
        OutputMessage: {
            data?: string;
            jobId: string;
            /** @description The offset of the chunk. The ID of the event is the offset of its end. */
            offset: number;
            text?: string;
            /** @constant */
            type: "output";
        };
        /** @description One message of a probe. Messages that arrive closer together than they were sent were buffered by a proxy. */
        ProbeMessage: {
            /** @description The time between two messages. */
            intervalMilliseconds: number;
            /** @description The number of this message, from 1. */
            n: number;
            /** @description The total number of messages. */
            of: number;
            /**
             * Format: date-time
             * @description When this message was sent.
             */
            sentAt: string;
            /** @constant */
            type: "probe";
        };
        /** @description The signed-in user, and the settings that apply. */
        Session: {
            /**
             * Format: date-time
             * @description When the token expires.
             */
            expiresAt?: string;
            /** @description This server has a local user, who signs in with a link that the program prints. */
            localSignIn: boolean;
            /** @description The maximum size of a workbook, in bytes. */
            maxUploadBytes: number;
            /** @description The subject of the token. Unset if no user is signed in. */
            user?: string;
        };
        Ticket: {
            /** Format: date-time */
            expiresAt: string;
            /** @description The ticket, to send once as `?token=`. */
            ticket: string;
        };
    };
    responses: {
        /** @description There are no more messages. Do not reconnect. */
        Ended: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The error. */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The file has the ETag in If-None-Match. */
        NotModified: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The range of the file that was requested. */
        Range: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "*/*": string;
            };
        };
        /** @description The range begins after the end of the file, whose length is in Content-Range. */
        RangeNotSatisfiable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /**
         * @description Unnamed Server-Sent Events. Each `data:` is one message: first `connected`, then `initial_status`, and then
         *     `job_update`s. The stream ends after a terminal state. A reconnect with its Last-Event-ID gets 204.
         */
        Stream: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "text/event-stream": components["schemas"]["headway.edge.v1.StreamMessage"];
            };
        };
        /** @description The workbook. */
        Workbook: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
            };
        };
    };
    parameters: {
        ImportID: string;
        JobID: string;
        Kind: string;
        /** @description The preferred languages of the texts, as in Accept-Language, which applies without it: de. English and German are available. */
        Language: string;
        /** @description The ID of the last received event. An ID of another stream is ignored. */
        LastEventID: string;
        /** @description The same for clients that can't set the header, such as EventSource. */
        LastEventIDQuery: string;
        /** @description The byte offset to continue at. */
        OutputOffset: string;
        /** @description The same for clients that can't set the header, such as EventSource. */
        OutputOffsetQuery: string;
        Schema: string;
        TusResumable: "1.0.0";
        UploadID: string;
    };
    requestBodies: never;
    headers: {
        /** @description The version of tus that the server supports. */
        TusResumable: "1.0.0";
        /** @description When the upload expires without new data (RFC 9110 date). */
        UploadExpires: string;
        /** @description The size of the whole file. */
        UploadLength: number;
        /** @description The number of received bytes. */
        UploadOffset: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    ImportService_ListImports: {
        parameters: {
            query?: {
                /** @description Maximum number of imports. 0 means 50; at most 200. */
                pageSize?: number;
                /** @description `next_page_token` of the previous page. Empty for the first page. */
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListImportsResponse is a page of imports. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.ListImportsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    UploadWorkbook: {
        parameters: {
            query?: {
                /**
                 * @description Reject the file with MAPPING_UNCERTAIN if it has unmapped columns that could be columns of the schema that are
                 *     missing. PreviewFile then returns proposals, which the next upload can send as its `mapping`.
                 */
                confirm_mapping?: boolean;
                /** @description The character between two cells, or one of the words comma, semicolon, tab, pipe, space, colon, and none. */
                delimiter?: string;
                /** @description Run the import, and roll it back. The counts are those of a real run. */
                dry_run?: boolean;
                /** @description The encoding: "UTF-8", "UTF-16LE", "windows-1252", "Shift_JIS", "GB18030", or another name of the WHATWG encodings. */
                encoding?: string;
                /** @description The character before a quotation mark inside a cell: a backslash, or the quotation mark again. */
                escape?: string;
                /** @description The name of the file. A path is removed. */
                file_name?: string;
                /** @description Assigns sheets and headers that are not found by name. */
                mapping?: string;
                /** @description Whether rows are inserted or updated. The default is UPSERT. */
                mode?: "upsert" | "insert_only" | "update_only";
                /** @description What to do if rows have issues. The default is ABORT. */
                on_issues?: "abort" | "skip_rows" | "review";
                /** @description The quotation mark around cells that can have delimiters and line breaks: ", ', `, or the word none. */
                quote?: string;
                /** @description Makes repeated uploads safe. It is unique per user, and has at most 128 characters: letters, digits, and - _ . : */
                request_id?: string;
                /** @description The name of the schema. The default is "workforce". */
                schema?: string;
                /** @description How to read some of several text files, by the names of the files. A file that is listed here ignores `text_format`. */
                text_formats?: string;
                /** @description The resumable upload to import. */
                upload_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
                "application/vnd.ms-excel.sheet.macroEnabled.12": string;
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                "multipart/form-data": {
                    /**
                     * @description Reject the file with MAPPING_UNCERTAIN if it has unmapped columns that could be columns of the schema that are
                     *     missing. PreviewFile then returns proposals, which the next upload can send as its `mapping`.
                     */
                    confirm_mapping?: boolean;
                    /** @description The character between two cells, or one of the words comma, semicolon, tab, pipe, space, colon, and none. */
                    delimiter?: string;
                    /** @description Run the import, and roll it back. The counts are those of a real run. */
                    dry_run?: boolean;
                    /** @description The encoding: "UTF-8", "UTF-16LE", "windows-1252", "Shift_JIS", "GB18030", or another name of the WHATWG encodings. */
                    encoding?: string;
                    /** @description The character before a quotation mark inside a cell: a backslash, or the quotation mark again. */
                    escape?: string;
                    /**
                     * Format: binary
                     * @description The file. The form can have several text files (CSV), which are the sheets of one import.
                     */
                    file: string;
                    /** @description The name of the file. A path is removed. */
                    file_name?: string;
                    /** @description Assigns sheets and headers that are not found by name. */
                    mapping?: string;
                    /**
                     * @description Whether rows are inserted or updated. The default is UPSERT.
                     * @enum {string}
                     */
                    mode?: "upsert" | "insert_only" | "update_only";
                    /**
                     * @description What to do if rows have issues. The default is ABORT.
                     * @enum {string}
                     */
                    on_issues?: "abort" | "skip_rows" | "review";
                    /** @description The quotation mark around cells that can have delimiters and line breaks: ", ', `, or the word none. */
                    quote?: string;
                    /** @description Makes repeated uploads safe. It is unique per user, and has at most 128 characters: letters, digits, and - _ . : */
                    request_id?: string;
                    /** @description The name of the schema. The default is "workforce". */
                    schema?: string;
                    /** @description How to read some of several text files, by the names of the files. A file that is listed here ignores `text_format`. */
                    text_formats?: string;
                };
            };
        };
        responses: {
            /** @description Accepted. Watch `links.stream`. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.UploadWorkbookResponse"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    ImportService_GetImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the import. */
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description GetImportResponse returns the import. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.GetImportResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_ConfirmImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the import. */
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description True: commit the valid rows and skip the others. False: cancel the import; nothing is written. */
                    commit?: boolean;
                    /**
                     * Format: int64
                     * @description The `revision` of the snapshot that showed the question. If the import has changed since, it is not committed: it might ask
                     *     again, with other counts. It can be unset only for the first review of an import.
                     */
                    questionRevision?: number;
                };
            };
        };
        responses: {
            /** @description ConfirmImportResponse returns the import. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.ConfirmImportResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_PreviewImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the import. */
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description As for an upload. If it is empty, that of the import applies. */
                    mapping?: components["schemas"]["headway.imports.v1.SheetMapping"][];
                    /** @description How to read a text file, as for an upload. Without both formats, the file is read as for the import. */
                    textFormat?: components["schemas"]["headway.imports.v1.TextFormat"];
                    /** @description How to read some of several text files, as for an upload. */
                    textFormats?: {
                        [key: string]: components["schemas"]["headway.imports.v1.TextFormat"];
                    };
                };
            };
        };
        responses: {
            /** @description PreviewImportResponse returns the preview. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.PreviewImportResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_RepeatImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the earlier import. */
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description Run the import, and roll it back. The default is that of the earlier import. */
                    dryRun?: boolean;
                    /** @description As for an upload. If it is empty, that of the earlier import applies. */
                    mapping?: components["schemas"]["headway.imports.v1.SheetMapping"][];
                    /** @description Whether rows are inserted or updated. The default is that of the earlier import. */
                    mode?: components["schemas"]["headway.imports.v1.ImportMode"];
                    /** @description What to do if rows have issues. The default is that of the earlier import. */
                    onIssues?: components["schemas"]["headway.imports.v1.OnIssues"];
                    /** @description Makes repeated requests safe, as for an upload. */
                    requestId?: string;
                    /** @description How to read a text file, as for an upload. Without both formats, the file is read as for the earlier import. */
                    textFormat?: components["schemas"]["headway.imports.v1.TextFormat"];
                    /** @description How to read some of several text files, as for an upload. */
                    textFormats?: {
                        [key: string]: components["schemas"]["headway.imports.v1.TextFormat"];
                    };
                };
            };
        };
        responses: {
            /** @description RepeatImportResponse returns the new import. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.RepeatImportResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    DownloadImportedRows: {
        parameters: {
            query?: {
                /** @description The preferred languages of the texts, as in Accept-Language, which applies without it: de. English and German are available. */
                language?: components["parameters"]["Language"];
            };
            header?: never;
            path: {
                import_id: components["parameters"]["ImportID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Workbook"];
            206: components["responses"]["Range"];
            304: components["responses"]["NotModified"];
            416: components["responses"]["RangeNotSatisfiable"];
            default: components["responses"]["Error"];
        };
    };
    ImportService_ListIssues: {
        parameters: {
            query?: {
                /** @description Only this code. If unspecified, all codes. */
                code?: components["schemas"]["headway.imports.v1.IssueCode"];
                /** @description The maximum number of issues, up to 1,000. The default is 100. */
                pageSize?: number;
                /** @description `next_page_token` of the previous page. Empty for the first page. */
                pageToken?: string;
                /** @description Only issues with this text in their cell, value, or message. Case is ignored. */
                search?: string;
                /** @description Only this severity. If unspecified, all severities. */
                severity?: components["schemas"]["headway.imports.v1.IssueSeverity"];
                /** @description Only this sheet (the schema's name). If empty, all sheets. */
                sheet?: string;
            };
            header?: never;
            path: {
                /** @description The ID of the import. */
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListIssuesResponse is a page of issues. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.ListIssuesResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    DownloadIssues: {
        parameters: {
            query?: {
                /** @description The preferred languages of the texts, as in Accept-Language, which applies without it: de. English and German are available. */
                language?: components["parameters"]["Language"];
            };
            header?: never;
            path: {
                import_id: components["parameters"]["ImportID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The issues. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            206: components["responses"]["Range"];
            304: components["responses"]["NotModified"];
            416: components["responses"]["RangeNotSatisfiable"];
            default: components["responses"]["Error"];
        };
    };
    DownloadReportWorkbook: {
        parameters: {
            query?: {
                /** @description The preferred languages of the texts, as in Accept-Language, which applies without it: de. English and German are available. */
                language?: components["parameters"]["Language"];
            };
            header?: never;
            path: {
                import_id: components["parameters"]["ImportID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Workbook"];
            206: components["responses"]["Range"];
            304: components["responses"]["NotModified"];
            416: components["responses"]["RangeNotSatisfiable"];
            default: components["responses"]["Error"];
        };
    };
    JobService_ListJobs: {
        parameters: {
            query?: {
                /** @description The jobs of all users. Requires the scope `headway:service` or `headway:admin`. */
                allOwners?: boolean;
                /** @description Only jobs created at or after this time. */
                createdAfter?: string;
                /** @description Only jobs created before this time. */
                createdBefore?: string;
                /** @description Only these kinds. Empty means all. */
                kinds?: string[];
                /** @description Only jobs with all of these labels, each written as `name=value`. A name can have one value. */
                labels?: string[];
                /** @description Maximum number of jobs. 0 means 50; at most 500. */
                pageSize?: number;
                /** @description `next_page_token` of the previous page. Empty for the first page. */
                pageToken?: string;
                /** @description Only these statuses. Empty means all. */
                statuses?: components["schemas"]["headway.jobs.v1.JobStatus"][];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListJobsResponse is a page of jobs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.ListJobsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_CreateJob: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Format: date-time
                     * @description If the job has not ended by then, it fails.
                     */
                    deadline?: string;
                    /** @description The ID of the job, a UUID. Requires the scope `headway:service`. If empty, the service creates an ID. */
                    jobId?: string;
                    /**
                     * @description The kind of job. A worker that leases this kind runs it. 1 to 63 letters, digits, and - _ . / : that start with a letter
                     *     or a digit, such as "crawl", "video.transcode", or "SendEmail".
                     */
                    kind: string;
                    /** @description Labels for filtering. A key has 1 to 253 letters, digits, and - _ . / : and starts with a letter or a digit. */
                    labels?: {
                        [key: string]: string;
                    };
                    /**
                     * @description A limit that the job shares with the other jobs of its owner that have the same key: of active jobs, of starts per time, or of
                     *     both.
                     */
                    limit?: {
                        /** @description What is limited, such as "site:example.org". 1 to 200 characters. */
                        key: string;
                        /**
                         * Format: int64
                         * @description Maximum number of these jobs that are active, or ready to be leased, at a time. 0 means no limit.
                         */
                        maxActive?: number;
                        /**
                         * Format: int64
                         * @description Maximum number of these jobs that are leased per `per_seconds`, evenly spread: the time between two leases is at least
                         *     `per_seconds` / `max_starts`. Further attempts also count. 0 means no limit.
                         */
                        maxStarts?: number;
                        /**
                         * Format: double
                         * @description The period of `max_starts`. 0 means 1.
                         */
                        perSeconds?: number;
                    };
                    /**
                     * Format: date-time
                     * @description The job is not leased before this time.
                     */
                    notBefore?: string;
                    /** @description Creates the job for another user. Requires the scope `headway:service`. */
                    owner?: string;
                    /** @description The input for the worker; at most 8 KiB as JSON. */
                    payload?: Record<string, unknown>;
                    /**
                     * Format: int32
                     * @description Among the jobs of one owner, those with a higher priority run first. It has no effect on other owners' jobs. Above 0, the token needs
                     *     the scope headway:priority.
                     */
                    priority?: number;
                    /** @description Makes the call safe to repeat. Unique per owner. At most 128 characters: letters, digits, and - _ . : */
                    requestId?: string;
                    /** @description When to retry. The documented defaults apply if unset. */
                    retry?: components["schemas"]["headway.jobs.v1.RetryPolicy"];
                    /** @description The steps, if they are already known. A worker can declare them instead. */
                    steps?: components["schemas"]["headway.jobs.v1.StepPlan"][];
                    /** @description Display name. */
                    title?: string;
                };
            };
        };
        responses: {
            /** @description CreateJobResponse holds the created job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.CreateJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_GetJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the job. */
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description GetJobResponse holds the job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.GetJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_DeleteJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the job. */
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description DeleteJobResponse is empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.DeleteJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_CancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the job. */
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description Why the job is cancelled. The reason is CANCELLED_BY_USER, unless the error has one. The worker of an active
                     *     job can set its own reason, which takes precedence.
                     */
                    error?: {
                        /**
                         * Format: int64
                         * @description The attempt in which it happened.
                         */
                        attempt?: number;
                        /**
                         * @description A message for the user. If it has more than 1,000 characters, only its beginning and end are stored, with a note
                         *     about the removed characters in between.
                         */
                        message?: string;
                        /**
                         * @description Machine-readable: a name of headway.errors.v1.ErrorReason, or the worker's own, such as `SITE_DOWN` or `ValueError`.
                         *     Spaces become underscores, and reasons above 100 characters are truncated.
                         */
                        reason?: string;
                    };
                };
            };
        };
        responses: {
            /** @description CancelJobResponse holds the job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.CancelJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_ResumeJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the job. */
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description The decision, in the format that the question asks for; at most 8 KiB as JSON. */
                    answer?: Record<string, unknown>;
                    /**
                     * Format: int64
                     * @description The `revision` of the snapshot that showed the question. If the job has changed since, the answer is refused: the
                     *     question might have been answered already, and the job might now ask another question. It can be unset only if the
                     *     job has not been answered before.
                     */
                    questionRevision?: number;
                };
            };
        };
        responses: {
            /** @description ResumeJobResponse holds the job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.ResumeJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_RetryJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The ID of the job. */
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, unknown>;
            };
        };
        responses: {
            /** @description RetryJobResponse holds the job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.RetryJobResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    DownloadOutput: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: components["parameters"]["JobID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The output. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                };
            };
            206: components["responses"]["Range"];
            304: components["responses"]["NotModified"];
            416: components["responses"]["RangeNotSatisfiable"];
            default: components["responses"]["Error"];
        };
    };
    JobService_CreateJobs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The jobs, in their order. */
                    jobs: components["schemas"]["headway.jobs.v1.CreateJobRequest"][];
                };
            };
        };
        responses: {
            /** @description CreateJobsResponse holds the result of each job. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.CreateJobsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_ChangeJobs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The jobs of all users. Requires the scope `headway:service` or `headway:admin`. */
                    allOwners?: boolean;
                    /**
                     * @description What to do to each job.
                     * @enum {string}
                     */
                    change: "cancel" | "retry" | "delete";
                    /**
                     * Format: date-time
                     * @description Only jobs created at or after this time.
                     */
                    createdAfter?: string;
                    /**
                     * Format: date-time
                     * @description Only jobs created before this time. Jobs that are created after the call are never changed.
                     */
                    createdBefore?: string;
                    /** @description Only these kinds. Empty means all. */
                    kinds?: string[];
                    /** @description Only jobs with all of these labels, each written as `name=value`. A name can have one value. */
                    labels?: string[];
                    /** @description Makes the call safe to repeat. Unique per owner. At most 128 characters: letters, digits, and - _ . : */
                    requestId?: string;
                    /** @description Only these statuses. Empty means all that the change applies to. */
                    statuses?: components["schemas"]["headway.jobs.v1.JobStatus"][];
                };
            };
        };
        responses: {
            /** @description ChangeJobsResponse holds the job that changes the others. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.ChangeJobsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    JobService_ListKinds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListKindsResponse holds the kinds. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.jobs.v1.ListKindsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    PreviewFile: {
        parameters: {
            query?: {
                /**
                 * @description Reject the file with MAPPING_UNCERTAIN if it has unmapped columns that could be columns of the schema that are
                 *     missing. PreviewFile then returns proposals, which the next upload can send as its `mapping`.
                 */
                confirm_mapping?: boolean;
                /** @description The character between two cells, or one of the words comma, semicolon, tab, pipe, space, colon, and none. */
                delimiter?: string;
                /** @description Run the import, and roll it back. The counts are those of a real run. */
                dry_run?: boolean;
                /** @description The encoding: "UTF-8", "UTF-16LE", "windows-1252", "Shift_JIS", "GB18030", or another name of the WHATWG encodings. */
                encoding?: string;
                /** @description The character before a quotation mark inside a cell: a backslash, or the quotation mark again. */
                escape?: string;
                /** @description The name of the file. A path is removed. */
                file_name?: string;
                /** @description Assigns sheets and headers that are not found by name. */
                mapping?: string;
                /** @description Whether rows are inserted or updated. The default is UPSERT. */
                mode?: "upsert" | "insert_only" | "update_only";
                /** @description What to do if rows have issues. The default is ABORT. */
                on_issues?: "abort" | "skip_rows" | "review";
                /** @description The quotation mark around cells that can have delimiters and line breaks: ", ', `, or the word none. */
                quote?: string;
                /** @description Makes repeated uploads safe. It is unique per user, and has at most 128 characters: letters, digits, and - _ . : */
                request_id?: string;
                /** @description The name of the schema. The default is "workforce". */
                schema?: string;
                /** @description How to read some of several text files, by the names of the files. A file that is listed here ignores `text_format`. */
                text_formats?: string;
                /** @description The resumable upload to preview. */
                upload_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
                "multipart/form-data": {
                    /**
                     * @description Reject the file with MAPPING_UNCERTAIN if it has unmapped columns that could be columns of the schema that are
                     *     missing. PreviewFile then returns proposals, which the next upload can send as its `mapping`.
                     */
                    confirm_mapping?: boolean;
                    /** @description The character between two cells, or one of the words comma, semicolon, tab, pipe, space, colon, and none. */
                    delimiter?: string;
                    /** @description Run the import, and roll it back. The counts are those of a real run. */
                    dry_run?: boolean;
                    /** @description The encoding: "UTF-8", "UTF-16LE", "windows-1252", "Shift_JIS", "GB18030", or another name of the WHATWG encodings. */
                    encoding?: string;
                    /** @description The character before a quotation mark inside a cell: a backslash, or the quotation mark again. */
                    escape?: string;
                    /**
                     * Format: binary
                     * @description The file. The form can have several text files (CSV), which are the sheets of one import.
                     */
                    file: string;
                    /** @description The name of the file. A path is removed. */
                    file_name?: string;
                    /** @description Assigns sheets and headers that are not found by name. */
                    mapping?: string;
                    /**
                     * @description Whether rows are inserted or updated. The default is UPSERT.
                     * @enum {string}
                     */
                    mode?: "upsert" | "insert_only" | "update_only";
                    /**
                     * @description What to do if rows have issues. The default is ABORT.
                     * @enum {string}
                     */
                    on_issues?: "abort" | "skip_rows" | "review";
                    /** @description The quotation mark around cells that can have delimiters and line breaks: ", ', `, or the word none. */
                    quote?: string;
                    /** @description Makes repeated uploads safe. It is unique per user, and has at most 128 characters: letters, digits, and - _ . : */
                    request_id?: string;
                    /** @description The name of the schema. The default is "workforce". */
                    schema?: string;
                    /** @description How to read some of several text files, by the names of the files. A file that is listed here ignores `text_format`. */
                    text_formats?: string;
                };
            };
        };
        responses: {
            /** @description The preview. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.PreviewFileResponse"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    ImportService_ListSchemas: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListSchemasResponse returns the schemas. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.ListSchemasResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_ListMappings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schema's name. */
                schema: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description ListMappingsResponse returns the mappings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.ListMappingsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_SaveMapping: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name. It has no slash and no control characters. */
                name: string;
                /** @description The schema's name. */
                schema: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The mapping. */
                    mapping: components["schemas"]["headway.imports.v1.SheetMapping"][];
                    /** @description Let all users of the schema see it. */
                    shared?: boolean;
                };
            };
        };
        responses: {
            /** @description SaveMappingResponse returns the mapping. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.SaveMappingResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ImportService_DeleteMapping: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name. */
                name: string;
                /** @description The schema's name. */
                schema: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description DeleteMappingResponse is empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["headway.imports.v1.DeleteMappingResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    DownloadSample: {
        parameters: {
            query?: {
                /** @description The number of rows with errors, at most a tenth of `rows`. */
                issues?: number;
                /** @description Rows of the largest sheet (employees). Other sheets scale with it. The default is 1,000, the maximum 1,000,000. */
                rows?: number;
                /** @description The seed of the generator. The same seed creates the same workbook. */
                seed?: number;
            };
            header?: never;
            path: {
                /** @description The schema's name. */
                schema: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Workbook"];
            default: components["responses"]["Error"];
        };
    };
    DownloadTemplate: {
        parameters: {
            query?: {
                /** @description The preferred languages of the texts, as in Accept-Language, which applies without it: de. English and German are available. */
                language?: components["parameters"]["Language"];
            };
            header?: never;
            path: {
                schema: components["parameters"]["Schema"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Workbook"];
            206: components["responses"]["Range"];
            304: components["responses"]["NotModified"];
            416: components["responses"]["RangeNotSatisfiable"];
            default: components["responses"]["Error"];
        };
    };
    GetSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    SignIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description The secret of a sign-in link, which works once. */
                    secret?: string;
                };
            };
        };
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    SignOut: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed out. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    CreateSignInLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        expiresAt: string;
                        /** @description The link, relative to the server's address. The secret is in its fragment. */
                        path: string;
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    StreamImport: {
        parameters: {
            query?: {
                /** @description The same for clients that can't set the header, such as EventSource. */
                last_event_id?: components["parameters"]["LastEventIDQuery"];
            };
            header?: {
                /** @description The ID of the last received event. An ID of another stream is ignored. */
                "Last-Event-ID"?: components["parameters"]["LastEventID"];
            };
            path: {
                import_id: components["parameters"]["ImportID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Stream"];
            204: components["responses"]["Ended"];
            default: components["responses"]["Error"];
        };
    };
    StreamJob: {
        parameters: {
            query?: {
                /** @description The same for clients that can't set the header, such as EventSource. */
                last_event_id?: components["parameters"]["LastEventIDQuery"];
            };
            header?: {
                /** @description The ID of the last received event. An ID of another stream is ignored. */
                "Last-Event-ID"?: components["parameters"]["LastEventID"];
            };
            path: {
                job_id: components["parameters"]["JobID"];
                kind: components["parameters"]["Kind"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Stream"];
            204: components["responses"]["Ended"];
            default: components["responses"]["Error"];
        };
    };
    StreamOutput: {
        parameters: {
            query?: {
                /** @description The same for clients that can't set the header, such as EventSource. */
                last_event_id?: components["parameters"]["OutputOffsetQuery"];
            };
            header?: {
                /** @description The byte offset to continue at. */
                "Last-Event-ID"?: components["parameters"]["OutputOffset"];
            };
            path: {
                job_id: components["parameters"]["JobID"];
                kind: components["parameters"]["Kind"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-Sent Events whose ID is the byte offset after the chunk. A `job_update` ends the stream. If the output is shorter than Last-Event-ID, a `draining` with the reason `OUTPUT_GAP` resets the ID to 0. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["OutputMessage"];
                };
            };
            204: components["responses"]["Ended"];
            default: components["responses"]["Error"];
        };
    };
    StreamMyJobs: {
        parameters: {
            query?: {
                /** @description The same for clients that can't set the header, such as EventSource. */
                last_event_id?: components["parameters"]["LastEventIDQuery"];
            };
            header?: {
                /** @description The ID of the last received event. An ID of another stream is ignored. */
                "Last-Event-ID"?: components["parameters"]["LastEventID"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Stream"];
            default: components["responses"]["Error"];
        };
    };
    Probe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-Sent Events. The first is `connected`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ProbeMessage"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    CreateTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ticket. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    CreateUpload: {
        parameters: {
            query?: never;
            header: {
                "Tus-Resumable": components["parameters"]["TusResumable"];
                /** @description `partial` for a part of a file, or `final;` and the paths of the parts, separated by blanks. */
                "Upload-Concat"?: string;
                /** @description 1 if a later PATCH declares the size in Upload-Length. */
                "Upload-Defer-Length"?: "1";
                /** @description The size of the whole file. Required, unless the size is declared later or the upload joins others. */
                "Upload-Length"?: number;
                /**
                 * @description Pairs of a name and the base64 of its value, separated by commas: `filename`, `schema`, `on_issues`, `mode`,
                 *     `dry_run`, `request_id`, `confirm_mapping`, and `mapping`, as for `POST /api/v1/imports`. `filetype`, `type`, `name`, and
                 *     `relativePath`, which some clients send, and names of the client's own fields are ignored. A misspelled option is rejected.
                 */
                "Upload-Metadata"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description The first bytes, if any. */
        requestBody?: {
            content: {
                "application/offset+octet-stream": string;
            };
        };
        responses: {
            /** @description Started. */
            201: {
                headers: {
                    /** @description The path of the upload. */
                    Location?: string;
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    DescribeUploads: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Version, extensions, and limit. */
            204: {
                headers: {
                    "Tus-Extension"?: string;
                    /** @description The largest upload in bytes. */
                    "Tus-Max-Size"?: number;
                    "Tus-Version"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    DeleteUpload: {
        parameters: {
            query?: never;
            header: {
                "Tus-Resumable": components["parameters"]["TusResumable"];
            };
            path: {
                upload_id: components["parameters"]["UploadID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload was deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    GetUploadOffset: {
        parameters: {
            query?: never;
            header: {
                "Tus-Resumable": components["parameters"]["TusResumable"];
            };
            path: {
                upload_id: components["parameters"]["UploadID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload. */
            200: {
                headers: {
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Upload-Length": components["headers"]["UploadLength"];
                    /** @description As sent by the client. */
                    "Upload-Metadata"?: string;
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    AppendToUpload: {
        parameters: {
            query?: never;
            header: {
                "Tus-Resumable": components["parameters"]["TusResumable"];
                /** @description The offset of the part. It must be the offset that HEAD returns. */
                "Upload-Offset": number;
            };
            path: {
                upload_id: components["parameters"]["UploadID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/offset+octet-stream": string;
            };
        };
        responses: {
            /** @description The bytes are stored. */
            204: {
                headers: {
                    "Tus-Resumable": components["headers"]["TusResumable"];
                    "Upload-Expires": components["headers"]["UploadExpires"];
                    "Upload-Offset": components["headers"]["UploadOffset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
}
