import "./dom.js";
import { act, fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { type AcceptedImport, type Connection, HeadwayError } from "../src/index.js";
import { HeadwayProvider, type SendUpload, useUpload } from "../src/react/index.js";
import { json } from "./scripted-server.js";
import { show } from "./show.js";

test("useUpload returns the accepted import, and can be reset", async () => {
  function Page() {
    const { upload, reset, status, accepted } = useUpload();
    return (
      <>
        <p>{`${status} ${accepted?.import.importId ?? ""}`}</p>
        <button type="button" onClick={() => void upload({ file: new File(["PK"], "a.xlsx") })}>
          go
        </button>
        <button type="button" onClick={reset}>
          again
        </button>
      </>
    );
  }
  await show(<Page />, json(202, { import: { importId: "i1" } }));
  fireEvent.click(screen.getByText("go"));
  await screen.findByText("accepted i1");
  fireEvent.click(screen.getByText("again"));
  await screen.findByText("idle");
});

describe("useUpload with an upload that can be paused", () => {
  /** An upload that the test ends. */
  function pausable() {
    const calls: string[] = [];
    const started: { options: Parameters<SendUpload>[0]; accept: (importId: string) => void }[] = [];
    const send: SendUpload = (options) => {
      calls.push("send");
      let accept = (_importId: string) => {};
      const done = new Promise<AcceptedImport>((resolve, reject) => {
        accept = (importId) => resolve({ import: { importId } } as AcceptedImport);
        options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
      });
      done.catch(() => {});
      started.push({ options, accept });
      const call = (name: string) => () => void calls.push(name);
      return { done, pause: call("pause"), resume: call("resume"), stop: call("stop") };
    };
    return { calls, send, started };
  }

  function Page({ send }: { send: SendUpload }) {
    const { upload, pause, resume, reset, retry, status, paused, accepted } = useUpload(send);
    const buttons = { pause, resume, reset, retry, upload: () => upload({ file: new File(["PK"], "a.xlsx") }) };
    return (
      <>
        <p>{`${status} ${paused ?? accepted?.import.importId ?? ""}`.trim()}</p>
        {Object.entries(buttons).map(([name, click]) => (
          <button key={name} type="button" onClick={() => void click()}>
            {name}
          </button>
        ))}
      </>
    );
  }
  const click = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

  test("pauses, resumes, and is accepted", async () => {
    const { calls, send, started } = pausable();
    await show(<Page send={send} />);
    click("pause");
    click("upload");
    await screen.findByText("uploading");
    click("pause");
    await screen.findByText("uploading user");
    click("resume");
    await screen.findByText("uploading");
    started[0]?.accept("i1");
    await screen.findByText("accepted i1");
    click("pause");
    await screen.findByText("accepted i1");
    click("retry");
    await screen.findByText("uploading");
    expect(calls.slice(0, 3)).toEqual(["send", "pause", "resume"]);
    expect(started.map(({ options }) => (options.file as File).name)).toEqual(["a.xlsx", "a.xlsx"]);
  });

  test("continues with the next connection after its session has ended", async () => {
    const { calls, send, started } = pausable();
    const { rerender } = render(
      <HeadwayProvider connection={{ token: "old" }}>
        <Page send={send} />
      </HeadwayProvider>,
    );
    click("upload");
    const options = started[0]?.options as Parameters<SendUpload>[0];
    const tokenOf = ({ token }: Connection) => (typeof token === "function" ? token(false) : token);
    expect(tokenOf(options)).toBe("old");
    act(() => options.onRefused(new HeadwayError(401)));
    await screen.findByText("uploading session");
    rerender(
      <HeadwayProvider connection={{ token: "new" }}>
        <Page send={send} />
      </HeadwayProvider>,
    );
    await screen.findByText("uploading");
    expect(calls).toEqual(["send", "resume"]);
    expect(tokenOf(options)).toBe("new");
  });

  test("stops when the component unmounts, and is aborted by a reset", async () => {
    const { calls, send, started } = pausable();
    const { unmount } = await show(<Page send={send} />);
    click("upload");
    await screen.findByText("uploading");
    click("reset");
    await screen.findByText("idle");
    expect(started[0]?.options.signal?.aborted).toBe(true);
    click("upload");
    await screen.findByText("uploading");
    unmount();
    expect(started[1]?.options.signal?.aborted, "its data stays on the server").toBe(false);
    expect(calls).toEqual(["send", "send", "stop"]);
  });
});
