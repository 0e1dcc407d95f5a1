/** Writes numbers, sizes, and times for readers. */
import { t } from "../messages/index.js";
import { locale } from "../messages/language.js";

export const formatCount = (n: number): string => n.toLocaleString(locale(), { maximumFractionDigits: 0 });

/** 91,234 → "91.2k", for places with little room. */
export const formatShort = (n: number): string =>
  n.toLocaleString(locale(), { notation: "compact", maximumFractionDigits: n < 10 ? 1 : n < 1000 ? 0 : 1 });

/** Sizes as file managers show them: 1 MB is 1,048,576 bytes. */
export function formatBytes(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return (bytes / 1024 ** power).toLocaleString(locale(), {
    style: "unit",
    unit: units[power],
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: power > 1 ? 1 : 0,
  });
}

export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("ui.time.seconds", { s: whole });
  if (whole < 3600) return t("ui.time.minutes", { m: Math.floor(whole / 60), s: whole % 60 });
  return t("ui.time.hours", { h: Math.floor(whole / 3600), m: Math.floor((whole % 3600) / 60) });
}

/** Returns "3 minutes ago", or the date if it is more than a day. */
export function formatAge(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  if (seconds > -45) return t("ui.time.now");
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), "minute");
  if (seconds > -86_400) return relative.format(Math.round(seconds / 3600), "hour");
  return new Date(time).toLocaleDateString(locale(), { dateStyle: "medium" });
}

export const formatTime = (time: string): string =>
  new Date(time).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" });
