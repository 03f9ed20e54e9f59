/**
 * Headrace on hosts that this one is not: a virtual machine with Debian, cgroup v2, systemd and an ordinary user, and the same with
 * user namespaces refused. The machine is made of Debian's own packages, holds a copy of this checkout, and reports over its console.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { type Row, writeTable } from "../table.ts";

const root = join(import.meta.dirname, "../..");
const release = "bookworm";
const packages =
  "linux-image-cloud-amd64 systemd-sysv dbus dbus-user-session libpam-systemd udev kmod python3 python3-venv ca-certificates procps iproute2 zstd libatomic1";
const tools = {
  "qemu-system-x86_64": "qemu-system-x86",
  mmdebstrap: "mmdebstrap",
  mke2fs: "e2fsprogs",
  ...(process.getuid?.() === 0 ? {} : { fakeroot: "fakeroot" }),
};
const memory = "3G";
/** Without hardware help every instruction is translated. */
const patience = { kvm: 20, tcg: 90 };

/** Resolves to the exit status: 0 if everything held. */
export async function main(filter: string): Promise<number> {
  const missing = await absentTools();
  if (missing.length > 0) {
    console.error(`Needed and not found. Install them: apt-get install ${missing.join(" ")}`);
    return 2;
  }
  const work = await mkdtemp(join(tmpdir(), "headrace-hosts-"));
  try {
    const machine = await makeMachine(work);
    const rows = await boot(machine, filter);
    for (const { outcome, name, note } of rows) console.log(`${outcome.padEnd(4)} ${name}${note ? `: ${note}` : ""}`);
    if (rows.length === 0) console.error("The machine ended without a word: see its console above");
    if (filter === "")
      await writeTable(join(root, "docs/compatibility.md"), "hosts", "npm run conformance -- hosts", rows);
    return rows.length > 0 && rows.every(({ outcome }) => outcome === "pass") ? 0 : 1;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
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
}

/** A disk with Debian and this checkout. Debian is fetched once and kept in the cache. */
async function makeMachine(work: string): Promise<Machine> {
  const tar = await fetchDebian();
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
    `cp ${quote(tree)}/boot/vmlinuz-* ${quote(work)}/kernel`,
    `cp ${quote(tree)}/boot/initrd.img-* ${quote(work)}/initrd`,
    `chown -R 0:0 ${quote(tree)}/opt ${quote(tree)}/etc/systemd/system`,
    `/sbin/mke2fs -q -t ext4 -d ${quote(tree)} ${quote(disk)} 6G`,
    `rm -rf ${quote(tree)}`,
  ].join(" && ");
  const shell = ["sh", "-c", `umask 022 && ${script}`];
  await run(process.getuid?.() === 0 ? shell : ["fakeroot", ...shell]);
  return { kernel: join(work, "kernel"), initrd: join(work, "initrd"), disk };
}

async function fetchDebian(): Promise<string> {
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
    release,
    `${tar}.part.tar`,
  ]);
  await rename(`${tar}.part.tar`, tar);
  return tar;
}

/** The checkout as it lies here, but for what git ignores, and with what npm has installed. */
async function copyCheckout(to: string): Promise<void> {
  await mkdir(to);
  await run([
    "sh",
    "-c",
    `git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - --ignore-failed-read | tar --extract --directory ${quote(to)}`,
  ]);
  await cp(join(root, "node_modules"), join(to, "node_modules"), { recursive: true, verbatimSymlinks: true });
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

/** Runs the machine until it switches itself off; its second serial port says what held. */
async function boot({ kernel, initrd, disk }: Machine, filter: string): Promise<readonly Row[]> {
  const kvm = await hasHelp();
  const report = `${disk}.report`;
  await writeFile(report, "");
  const settings = {
    machine: kvm ? "q35,accel=kvm:tcg" : "q35,accel=tcg",
    cpu: "max",
    smp: "2",
    m: memory,
    display: "none",
    kernel,
    initrd,
    append: `root=/dev/vda rw console=ttyS0 quiet headrace.only=${encodeURIComponent(filter)}`,
    drive: `file=${disk},format=raw,if=virtio,cache=unsafe`,
    netdev: "user,id=net",
    device: "virtio-net-pci,netdev=net",
  };
  const words = [
    ...Object.entries(settings).flatMap(([name, value]) => [`-${name}`, value]),
    "-nodefaults",
    "-no-reboot",
    // The console, and the port that the results come by.
    "-serial",
    "stdio",
    "-serial",
    `file:${report}`,
  ];
  const machine = spawn("qemu-system-x86_64", words, { stdio: ["ignore", "pipe", "inherit"] });
  const minutes = kvm ? patience.kvm : patience.tcg;
  const alarm = setTimeout(() => machine.kill("SIGKILL"), minutes * 60_000);
  createInterface({ input: machine.stdout }).on("line", (line) => console.error(line));
  await new Promise((resolve) => machine.once("close", resolve));
  clearTimeout(alarm);
  const lines = (await readFile(report, "utf8")).split("\n");
  return lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Row] : []));
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
