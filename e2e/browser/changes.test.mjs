// What a confirmed import changes in the database besides rows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, waitForStatus } from "./chromium.mjs";
import { browser, headway, setUp } from "./setup.mjs";

setUp();

test("a review lists the tables that it creates, once", async () => {
  const { page, assertNoErrors } = await open(browser, headway.address);
  const changes = page.getByText("This import also makes 7 changes to the database tables");
  await page.getByRole("button", { name: "Try a sample file" }).click();
  await waitForStatus(page, "waiting");
  await changes.click();
  await page.getByText("employees new table").waitFor();
  await page.getByRole("button", { name: /^Import [\d,]+ rows$/ }).click();
  await waitForStatus(page, "completed");

  await page.goto(headway.address);
  await page.getByRole("button", { name: "Try a sample file" }).click();
  await waitForStatus(page, "waiting");
  assert.equal(await changes.count(), 0);
  assertNoErrors();
});
