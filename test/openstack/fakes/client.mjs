#!/usr/bin/env node
// Stands in for `openstack` and `metalsmith`: a cloud in a file, named by FAKE_CLOUD. It takes only the options that the
// real clients take, writes what they write, and fails with their texts. Which program it is, its own name says.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const file = process.env['FAKE_CLOUD'];
const program = basename(process.argv[1]).replace(/\.mjs$/, '');
const cloud = JSON.parse(readFileSync(file, 'utf8'));

const save = () => writeFileSync(file, JSON.stringify(cloud, null, 2));
const print = (value) => process.stdout.write(typeof value === 'string' ? value : JSON.stringify(value));

class Failure extends Error {
  constructor(text, exitCode = 1) {
    super(text);
    this.exitCode = exitCode;
  }
}

/** Words and options of a call; an option that is not known is wrong usage, as it is for argparse. */
function parse(args, known) {
  const [words, options] = [[], {}];
  const end = args.indexOf('--');
  for (const arg of end === -1 ? args : args.slice(0, end)) {
    if (!arg.startsWith('-')) {
      words.push(arg);
      continue;
    }
    const [, name, value = true] = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined || !known.includes(name)) {
      throw new Failure(`usage: ${program} …\n${program}: error: unrecognized arguments: ${arg}`, 2);
    }
    (options[name] ??= []).push(value);
  }
  return { words, options, names: end === -1 ? [] : args.slice(end + 1) };
}

const hex = (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex');
const newId = () => {
  cloud.counter = (cloud.counter ?? 0) + 1;
  return `00000000-0000-4000-8000-${String(cloud.counter).padStart(12, '0')}`;
};

// --- images --------------------------------------------------------------------------------------------------

function findImage(name) {
  const found = cloud.images.filter((image) => image.id === name || image.name === name);
  if (found.length === 0) throw new Failure(`No Image found for ${name}`);
  if (found.length > 1) throw new Failure(`More than one Image exists with the name '${name}'.`);
  return found[0];
}

const propertiesOf = (options) =>
  Object.fromEntries((options.property ?? []).map((text) => /^([^=]*)=(.*)$/s.exec(text).slice(1)));

const visibilityOf = (options) => ['private', 'shared', 'community', 'public'].find((name) => options[name]);

async function imageCreate({ options, names }) {
  const [name] = names;
  const visibility = visibilityOf(options) ?? 'shared';
  if (visibility === 'public' && !cloud.isAdmin) {
    throw new Failure(
      'HttpException: 403: Client Error for url: http://127.0.0.1/v2/images, 403 Forbidden: You are not authorized to complete publicize_image action.',
    );
  }
  const image = {
    id: newId(),
    name,
    status: 'queued',
    visibility,
    size: null,
    checksum: null,
    disk_format: options['disk-format'][0],
    container_format: options['container-format'][0],
    properties: { os_hidden: false, ...propertiesOf(options) },
  };
  cloud.images.push(image);
  save();
  if (cloud.slowUploadMs !== undefined) await sleep(cloud.slowUploadMs);
  const bytes = readFileSync(options.file[0]);
  if (bytes.length > (cloud.quotaBytes ?? Infinity)) {
    cloud.images = cloud.images.filter(({ id }) => id !== image.id);
    save();
    throw new Failure(
      'HttpException: 413: Client Error for url: http://127.0.0.1/v2/images/x/file, 413 Request Entity Too Large',
    );
  }
  // What client 6.0.0 prints: nothing of this is true any more.
  print({ ...image, schema: '/v2/schemas/image' });
  image.status = 'active';
  image.size = bytes.length;
  image.checksum = hex('md5', bytes);
  image.properties.os_hash_algo = 'sha512';
  image.properties.os_hash_value = cloud.corruptsUploads ? hex('sha512', 'other') : hex('sha512', bytes);
  save();
}

function imageList({ options }) {
  const wanted = Object.entries(propertiesOf(options));
  const rows = cloud.images.filter(
    (image) =>
      // The service's own hashes are no filter.
      wanted.every(([key, value]) => !key.startsWith('os_hash') && image.properties[key] === value) &&
      (options.name === undefined || image.name === options.name[0]),
  );
  print(
    rows.map((image) => ({
      ID: image.id,
      Name: image.name,
      'Disk Format': image.disk_format,
      'Container Format': image.container_format,
      Size: image.size,
      Checksum: image.checksum,
      Status: image.status,
      Visibility: image.visibility,
      Protected: false,
      Project: null,
      Tags: [],
    })),
  );
}

function imageSet({ options, names }) {
  const image = findImage(names[0]);
  image.visibility = visibilityOf(options) ?? image.visibility;
  Object.assign(image.properties, propertiesOf(options));
}

function imageDelete({ names }) {
  const image = cloud.images.find(({ id }) => id === names[0]);
  if (image === undefined) {
    throw new Failure(
      `Failed to delete image with name or ID '${names[0]}': No Image found for ${names[0]}\nFailed to delete 1 of 1 images.`,
    );
  }
  cloud.images = cloud.images.filter(({ id }) => id !== image.id);
}

// --- nodes and networks --------------------------------------------------------------------------------------

const findNode = (name) => cloud.nodes.find((node) => node.uuid === name || node.name === name);

function findNetwork(name) {
  const found = cloud.networks.filter((network) => network.id === name || network.name === name);
  if (found.length === 0) throw new Failure(`No Network found for ${name}`);
  if (found.length > 1) throw new Failure(`More than one Network exists with the name '${name}'.`);
  return found[0];
}

function nodeShow({ names }) {
  const node = findNode(names[0]);
  if (node === undefined) throw new Failure(`Node ${names[0]} could not be found. (HTTP 404)`);
  print({ ...node, instance_info: node.image === undefined ? {} : { image_source: node.image } });
}

function esiNode(names) {
  const node = findNode(names[0]);
  if (node === undefined) throw new Failure(`No Node found for ${names[0]}`);
  return node;
}

function networkShow({ names }) {
  const node = esiNode(names);
  print({
    Node: node.name,
    'Node UUID': node.uuid,
    'Node Ports': node.ports.map(({ mac, port, network }) => ({
      mac_address: mac,
      baremetal_port_uuid: `bm-${mac}`,
      ...(port === undefined
        ? {}
        : { network_port: { name: `esi-${node.name}-x`, uuid: port, fixed_ips: ['192.0.2.9'] } }),
      ...(network === undefined
        ? {}
        : { network: { ...cloud.networks.find(({ uuid }) => uuid === network), vlan_id: 100 } }),
    })),
  });
}

function networkAttach({ options, names }) {
  const node = esiNode(names);
  const network = findNetwork(options.network[0]);
  const free = node.ports.find(({ port }) => port === undefined);
  if (free === undefined) throw new Failure(`Node ${node.name} has no free ports`);
  free.port = newId();
  free.network = network.id;
  print({
    Node: node.name,
    'MAC Address': free.mac,
    Port: 'x',
    Network: network.name,
    'Fixed IP': '192.0.2.9',
  });
}

function networkDetach({ options, names }) {
  const node = esiNode(names);
  if (cloud.detachDoesNothing) return;
  const attached = node.ports.find(({ port }) => port === options.port[0]);
  if (attached === undefined) return;
  delete attached.port;
  delete attached.network;
}

// --- metalsmith ----------------------------------------------------------------------------------------------

const said = (text) => new Failure(`[2026-11-26 22:51:36,587] ${text}`);

function instanceOf(node) {
  const states = {
    active: 'active',
    'wait call-back': 'deploying',
    deploying: 'deploying',
    available: 'deploying',
    'deploy failed': 'error',
  };
  return {
    uuid: node.uuid,
    hostname: node.hostname,
    state:
      node.maintenance && node.provision_state === 'active'
        ? 'maintenance'
        : (states[node.provision_state] ?? 'unknown'),
    ip_addresses: node.provision_state === 'active' ? { attestation: ['192.0.2.2'] } : {},
    node: {
      id: node.uuid,
      name: node.name,
      provision_state: node.provision_state,
      last_error: node.last_error,
      is_maintenance: node.maintenance,
      instance_info: node.image === undefined ? {} : { image_source: node.image, configdrive: '******' },
    },
    allocation: null,
  };
}

function findInstance(name) {
  const node = cloud.nodes.find(({ hostname }) => hostname === name) ?? findNode(name);
  if (node === undefined) {
    throw said(
      `No Node found for ${name}: Client Error for url: http://127.0.0.1/v1/nodes/x, Node x could not be found.`,
    );
  }
  return node;
}

function show({ names }) {
  const node = findInstance(names[0]);
  if (node.hostname === undefined) throw said(`Node(s)/instance(s) ${names[0]} are not valid instances`);
  print({ [node.hostname]: instanceOf(node) });
}

function deploy({ options }) {
  const [hostname] = options.hostname;
  if (cloud.nodes.some((node) => node.hostname === hostname)) {
    throw said(
      `Failed to create an allocation: ConflictException: 409: Client Error for url: http://127.0.0.1/v1/allocations, An allocation with name ${hostname} already exists.`,
    );
  }
  const free = cloud.nodes.find(
    (node) =>
      node.provision_state === 'available' &&
      node.hostname === undefined &&
      node.resource_class === options['resource-class'][0] &&
      (options.candidate === undefined || options.candidate.includes(node.name)),
  );
  if (free === undefined && options.candidate !== undefined) {
    throw said(`No available nodes with resource class ${options['resource-class'][0]} found`);
  }
  if (free === undefined) {
    throw said(
      `Failed to reserve a node: Failed to process allocation x: no available nodes match the resource class ${options['resource-class'][0]}.`,
    );
  }
  free.hostname = hostname;
  free.image = options.image[0];
  free.provision_state = cloud.deployEndsIn ?? 'active';
  free.last_error = cloud.deployEndsIn === undefined ? null : 'Deploy step failed';
  print(instanceOf(free));
}

function wait({ names }) {
  const node = findInstance(names[0]);
  if (cloud.waitTimesOut) {
    throw said(`Timeout waiting for nodes ${node.uuid} to reach target state 'active'`);
  }
  node.provision_state = 'active';
  print({ [node.hostname]: instanceOf(node) });
}

function undeploy({ names }) {
  const node = findInstance(names[0]);
  const state = node.provision_state;
  // The reservation goes first, whatever comes of the rest.
  delete node.hostname;
  if (state === 'available') {
    save();
    throw said(
      `Failed to set provision state for bare metal node ${node.uuid} to deleted: The requested action "deleted" can not be performed on node "${node.uuid}" while it is in state "available".`,
    );
  }
  delete node.image;
  node.provision_state = 'available';
  node.last_error = null;
  print({ node: { id: node.uuid } });
}

// --- the calls -----------------------------------------------------------------------------------------------

const visible = ['private', 'shared', 'community', 'public'];
const openstack = [
  [
    'image create',
    ['format', 'file', 'container-format', 'disk-format', 'property', ...visible],
    imageCreate,
  ],
  ['image show', ['format'], ({ names }) => print(findImage(names[0]))],
  ['image list', ['format', 'long', 'property', 'name'], imageList],
  ['image set', ['property', ...visible], imageSet],
  ['image delete', [], imageDelete],
  ['network show', ['format'], ({ names }) => print(findNetwork(names[0]))],
  ['baremetal node show', ['format'], nodeShow],
  ['esi node network show', ['format'], networkShow],
  ['esi node network attach', ['format', 'network'], networkAttach],
  ['esi node network detach', ['port'], networkDetach],
];
const forDeploy =
  'image resource-class network candidate hostname ssh-public-key root-size swap-size user-name';
const metalsmith = [
  ['show', [], show],
  [
    'deploy',
    `${forDeploy} passwordless-sudo trait capability conductor-group netboot wait`.split(' '),
    deploy,
  ],
  ['wait', ['timeout'], wait],
  ['undeploy', ['wait'], undeploy],
];

try {
  const args = process.argv.slice(2);
  cloud.calls.push([program, ...args]);
  save();
  if (args[0]?.startsWith('--os-cloud=')) {
    const name = args.shift().slice('--os-cloud='.length);
    if (name !== 'fake') throw new Failure(`Cloud ${name} was not found.`);
  }
  if (program === 'metalsmith' && args.shift() !== '--format=json')
    throw new Failure('usage: metalsmith …', 2);
  const table = program === 'metalsmith' ? metalsmith : openstack;
  const row = table.find(([words]) => words.split(' ').every((word, index) => args[index] === word));
  const failure = cloud.failures.find(({ call, times = 1 }) => row?.[0] === call && times > 0);
  if (failure !== undefined) {
    failure.times = (failure.times ?? 1) - 1;
    save();
    throw new Failure(failure.stderr, failure.exitCode);
  }
  if (row === undefined) {
    throw new Failure(
      `openstack: '${args.join(' ')}' is not an openstack command. See 'openstack --help'.`,
      2,
    );
  }
  // As if somebody had ended our caller just then, and not us.
  const kill = (when) => {
    if (cloud.kill?.call !== row[0] || cloud.kill.when !== when) return;
    delete cloud.kill;
    save();
    process.kill(process.ppid, 'SIGKILL');
  };
  kill('before');
  await row[2](parse(args.slice(row[0].split(' ').length), row[1]));
  save();
  kill('after');
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
