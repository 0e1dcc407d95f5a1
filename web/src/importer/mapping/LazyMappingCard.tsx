import { lazy } from "react";
import { t } from "../../messages/index.js";

/** Loads the question about columns, which most imports do not need. */
export const loadMappingCard = () =>
  import("./MappingCard.js").then(
    ({ MappingCard }) => ({ default: MappingCard }),
    () => ({ default: NotLoaded }),
  );

/** The question about columns, for a Suspense. */
export const MappingCard = lazy(loadMappingCard);

/** Shown instead of the question if it can't be loaded, for example because the server has another version by now. */
function NotLoaded() {
  return (
    <p className="note warn" role="alert">
      {t("mapping.notLoaded")}
    </p>
  );
}
