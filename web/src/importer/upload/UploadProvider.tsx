import { createContext, type ReactNode, useContext } from "react";
import { type ImportUpload, useImportUpload } from "./useImportUpload.js";

const UploadContext = createContext<ImportUpload | undefined>(undefined);

/** Keeps the upload in progress, whatever screen is shown inside. */
export function UploadProvider({
  user,
  onAccepted,
  children,
}: {
  /** The user, under whom an interrupted upload is remembered. */
  user: string | undefined;
  onAccepted: (importId: string) => void;
  children: ReactNode;
}) {
  return <UploadContext value={useImportUpload(user, onAccepted)}>{children}</UploadContext>;
}

/** Returns the upload of the nearest UploadProvider. */
export function useUpload(): ImportUpload {
  const upload = useContext(UploadContext);
  if (!upload) throw new Error("useUpload needs an UploadProvider.");
  return upload;
}
