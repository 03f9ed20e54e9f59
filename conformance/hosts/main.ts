/**
 * Headrace on hosts that this one is not: virtual machines with Debian's releases, their Pythons and kernels, cgroup v2, systemd and
 * an ordinary user, and the same with user namespaces refused. A machine is made of Debian's own packages, holds a copy of this
 * checkout, and reports over a serial port.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { readTable, type Row, writeTable } from "../table.ts";
import { type Check, checksOn } from "./checks.ts";
import { type Guest, guests, selected, type Word } from "./guests.ts";

const root = join(import.meta.dirname, "../..");
const packages =
  "linux-image-cloud-amd64 systemd-sysv dbus dbus-user-session libpam-systemd udev kmod python3 python3-venv ca-certificates procps iproute2 zstd libatomic1 apparmor";
const tools = {
  "qemu-system-x86_64": "qemu-system-x86",
  mmdebstrap: "mmdebstrap",
  mke2fs: "e2fsprogs",
  ...(process.getuid?.() === 0 ? {} : { fakeroot: "fakeroot" }),
};
const memory = "3G";
/** Minutes that a guest may be silent. Without hardware help every instruction is translated. */
const patience = { kvm: 10, tcg: 60 };

/** Resolves to the exit status: 0 if everything held. What is seen goes into the table of the guest as soon as it is seen. */
export async function main(only: string): Promise<number> {
  const missing = await absentTools();
  if (missing.length > 0) {
    console.error(`Needed and not found. Install them: apt-get install ${missing.join(" ")}`);
    return 2;
  }
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupted.abort());
  const outcomes: Row["outcome"][] = [];
  for (const guest of guests) {
    const checks = checksOn(guest).filter((check) => selected(guest, check, only));
    if (checks.length > 0 && !interrupted.signal.aborted)
      outcomes.push(...(await tryOn(guest, checks, only, interrupted.signal)));
  }
  if (outcomes.length === 0 && !interrupted.signal.aborted)
    console.error(`No check has a name like ${JSON.stringify(only)}`);
  return outcomes.length > 0 && outcomes.every((outcome) => outcome === "pass") ? 0 : 1;
}

/**
 * One outcome for each check, whatever becomes of the guest: the check that it ends with has missed, and those that were left are not
 * tried. Nothing is held against a check whose guest the user interrupts.
 */
async function tryOn(
  guest: Guest,
  checks: readonly Check[],
  only: string,
  interrupted: AbortSignal,
): Promise<readonly Row["outcome"][]> {
  const work = await mkdtemp(join(tmpdir(), "headrace-hosts-"));
  const told = new Map<string, Row["outcome"]>();
  let trying: string | undefined;
  const hear = async (word: Word): Promise<void> => {
    if ("trying" in word) {
      trying = word.trying;
    } else if ("evidence" in word) {
      console.error(word.evidence);
    } else {
      told.set(word.name, word.outcome);
      console.log(`${word.outcome}  ${guest.name}: ${word.name}  ${word.note}`);
      await record(guest, word);
    }
  };
  try {
    const machine = await makeMachine(guest, work);
    if (!interrupted.aborted) await boot(machine, { guest, only, interrupted, hear });
    const unheard = checks.filter(({ name }) => !told.has(name));
    if (unheard.length > 0 && !interrupted.aborted) {
      console.error((await readFile(machine.log, "utf8")).slice(-4000));
      const note = "the guest ended while this was tried";
      if (trying !== undefined && !told.has(trying)) await hear({ name: trying, outcome: "miss", note });
      for (const { name } of unheard) if (!told.has(name)) console.error(`Not tried: ${guest.name}: ${name}`);
    }
    return checks.map(({ name }) => told.get(name) ?? "skip");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The rows of checks that were not tried now stay as they are. */
async function record(guest: Guest, row: Row): Promise<void> {
  const page = join(root, "docs/compatibility.md");
  const known = await readTable(page, guest.name);
  const rows = checksOn(guest).map(({ name }): Row => {
    if (name === row.name) return row;
    return known.find((earlier) => earlier.name === name) ?? { name, outcome: "skip", note: "not tried yet" };
  });
  await writeTable(page, guest.name, "npm run conformance -- hosts", rows);
}

async function absentTools(): Promise<readonly string[]> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const wanted = await Promise.all(
    Object.entries(tools).map(async ([tool, name]) => {
      const found = await Promise.all(folders.map((folder) => can(join(folder, tool), constants.X_OK)));
      return found.includes(true) ? [] : [name];
    }),
  );
  return wanted.flat();
}

const can = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

interface Machine {
  readonly kernel: string;
  readonly initrd: string;
  readonly disk: string;
  /** What it prints on its console. */
  readonly log: string;
}

/** A disk with Debian and this checkout. Debian is fetched once and kept in the cache. */
async function makeMachine({ release }: Guest, work: string): Promise<Machine> {
  const tar = await fetchDebian(release);
  const files = join(work, "files");
  await mkdir(join(files, "opt"), { recursive: true });
  await copyCheckout(join(files, "opt/headrace"));
  await configure(files);
  const disk = join(work, "disk");
  const tree = join(work, "tree");
  const script = [
    `mkdir ${quote(tree)}`,
    `tar --extract --file ${quote(tar)} --directory ${quote(tree)} --exclude './dev/*'`,
    `cp -a ${quote(files)}/. ${quote(tree)}/`,
    `cp -a ${quote(join(root, "node_modules"))} ${quote(tree)}/opt/headrace/`,
    `cp ${quote(tree)}/boot/vmlinuz-* ${quote(work)}/kernel`,
    `cp ${quote(tree)}/boot/initrd.img-* ${quote(work)}/initrd`,
    `chown -R 0:0 ${quote(tree)}/opt ${quote(tree)}/etc/systemd/system`,
    `/sbin/mke2fs -q -t ext4 -d ${quote(tree)} ${quote(disk)} 6G`,
    `rm -rf ${quote(tree)}`,
  ].join(" && ");
  const shell = ["sh", "-c", `umask 022 && ${script}`];
  await run(process.getuid?.() === 0 ? shell : ["fakeroot", ...shell]);
  return { kernel: join(work, "kernel"), initrd: join(work, "initrd"), disk, log: join(work, "console") };
}

async function fetchDebian(release: string): Promise<string> {
  const cache = join(process.env["HEADRACE_CACHE"] ?? join(homedir(), ".cache/headrace"), "hosts");
  const contents = createHash("sha256").update(packages).digest("hex").slice(0, 8);
  const tar = join(cache, `${release}-${contents}.tar`);
  if (await can(tar, constants.R_OK)) return tar;
  console.error(`Fetching Debian ${release} (once)`);
  await mkdir(cache, { recursive: true });
  await run([
    "mmdebstrap",
    "--variant=minbase",
    `--include=${packages.replaceAll(" ", ",")}`,
    // A mirror may lag behind: what it has is signed all the same.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    release,
    `${tar}.part.tar`,
  ]);
  await rename(`${tar}.part.tar`, tar);
  return tar;
}

/** The checkout as it lies here, but for what git ignores. */
async function copyCheckout(to: string): Promise<void> {
  await mkdir(to);
  await run([
    "sh",
    "-c",
    `git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - --ignore-failed-read | tar --extract --directory ${quote(to)}`,
  ]);
}

/** The machine's one purpose: run inside.ts as soon as it is up, with this host's way to the package indexes. */
async function configure(files: string): Promise<void> {
  const names = /^(PIP_|UV_|SSL_CERT_|HTTPS?_PROXY|NO_PROXY)/i;
  const variables = Object.entries(process.env).filter(([name]) => names.test(name));
  const unit = [
    "[Unit]",
    "After=multi-user.target systemd-user-sessions.service",
    "[Service]",
    "Type=oneshot",
    "WorkingDirectory=/opt/headrace",
    "ExecStart=/opt/headrace/node_modules/.bin/node conformance/hosts/inside.ts /dev/ttyS1",
    "ExecStopPost=systemctl poweroff --force",
    "StandardOutput=journal+console",
    "StandardError=journal+console",
    "EnvironmentFile=-/etc/headrace-environment",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ];
  const systemd = join(files, "etc/systemd/system");
  await mkdir(join(systemd, "multi-user.target.wants"), { recursive: true });
  await writeFile(join(systemd, "headrace-check.service"), unit.join("\n"));
  await run(["ln", "-s", "../headrace-check.service", join(systemd, "multi-user.target.wants/headrace-check.service")]);
  await mkdir(join(files, "etc/systemd/network"), { recursive: true });
  await writeFile(
    join(files, "etc/headrace-environment"),
    variables.map(([name, value]) => `${name}=${JSON.stringify(value)}\n`).join(""),
  );
  await writeFile(join(files, "etc/hostname"), "headrace-host\n");
  await writeFile(join(files, "etc/hosts"), "127.0.0.1 localhost headrace-host\n::1 localhost\n");
  await writeFile(join(files, "etc/resolv.conf"), "nameserver 10.0.2.3\n");
  const network = "[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n";
  await writeFile(join(files, "etc/systemd/network/all.network"), network);
  await run([
    "ln",
    "-s",
    "/lib/systemd/system/systemd-networkd.service",
    join(systemd, "multi-user.target.wants/systemd-networkd.service"),
  ]);
  const certificates = "/etc/ssl/certs/ca-certificates.crt";
  await mkdir(join(files, "etc/ssl/certs"), { recursive: true });
  if (await can(certificates, constants.R_OK)) await cp(certificates, join(files, certificates));
}

/** Whether the processor helps with virtual machines: the device alone may be there in vain. */
async function hasHelp(): Promise<boolean> {
  const flags = /^flags\s*:.* (vmx|svm)( |$)/m.test(await readFile("/proc/cpuinfo", "utf8"));
  return flags && (await can("/dev/kvm", constants.R_OK | constants.W_OK));
}

interface Order {
  readonly guest: Guest;
  readonly only: string;
  readonly interrupted: AbortSignal;
  hear(word: Word): Promise<void>;
}

/** Runs the machine until it switches itself off. What it says comes by its second serial port. */
async function boot({ kernel, initrd, disk, log }: Machine, { guest, only, interrupted, hear }: Order): Promise<void> {
  const kvm = await hasHelp();
  const orders = [`headrace.guest=${guest.name}`, `headrace.only=${encodeURIComponent(only)}`];
  const settings = {
    machine: kvm ? "q35,accel=kvm:tcg" : "q35,accel=tcg",
    cpu: "max",
    smp: "2",
    m: memory,
    display: "none",
    kernel,
    initrd,
    // On a busy host an emulated clock may seem broken while it is looked at. A kernel that gives up shall end the machine. Nobody
    // spies here, and what guards against it is dear where instructions are translated.
    append: ["root=/dev/vda rw console=ttyS0 quiet no_timer_check mitigations=off panic=-1", ...orders].join(" "),
    drive: `file=${disk},format=raw,if=virtio,cache=unsafe`,
    netdev: "user,id=net",
    device: "virtio-net-pci,netdev=net",
  };
  const words = [
    ...Object.entries(settings).flatMap(([name, value]) => [`-${name}`, value]),
    "-nodefaults",
    "-no-reboot",
    "-serial",
    `file:${log}`,
    "-serial",
    "stdio",
  ];
  const machine = spawn("qemu-system-x86_64", words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(machine, "close");
  const minutes = kvm ? patience.kvm : patience.tcg;
  const end = (): void => void machine.kill("SIGKILL");
  const silence = setTimeout(end, minutes * 60_000);
  interrupted.addEventListener("abort", end, { once: true });
  for await (const line of createInterface({ input: machine.stdout })) {
    if (!line.startsWith("{")) continue;
    silence.refresh();
    await hear(JSON.parse(line) as Word);
  }
  await ended;
  clearTimeout(silence);
  interrupted.removeEventListener("abort", end);
}

async function run([program = "", ...words]: readonly string[]): Promise<void> {
  const child = spawn(program, words, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0)
    throw new RangeError(`${program} ended with status ${String(status)}: ${words.join(" ").slice(0, 300)}`);
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
