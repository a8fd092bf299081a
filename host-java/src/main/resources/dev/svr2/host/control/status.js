// SPDX-License-Identifier: Apache-2.0
// Asks the host every two seconds and shows what it says. Everything is set as text, never as markup.
'use strict';

const POLL_MS = 2000;
const PEAK_HEADROOM = 1.1;
const NAMES = {requests: 'requests', sessions: 'sessions opened', restores: 'secrets restored (group)', wrong_pins: 'wrong PINs (group)',
  refused: 'refused or unknown'};
let lastAnswer = 0;

const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const out = document.createElement(name);
  if (text !== undefined) out.textContent = text;
  if (className) out.className = className;
  return out;
}

function number(value) {
  return Number(value).toLocaleString('en', {maximumFractionDigits: 1});
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return number(value) + ' ' + units[unit];
}

function duration(seconds) {
  if (seconds < 120) return seconds + ' s';
  if (seconds < 7200) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

function wrong(status) {
  const out = [];
  if (!status.ready) out.push('Not ready: ' + status.not_ready_reason);
  if (status.has_group) {
    const voters = status.members.filter((member) => member.voting);
    if (voters.length < status.min_voting_replicas) {
      out.push(voters.length + ' of at least ' + status.min_voting_replicas + ' voters: the group answers nobody.');
    }
    const lost = status.members.filter((member) => !member.connected);
    if (lost.length) out.push(lost.length + ' of ' + status.members.length + ' replicas cannot be reached from here.');
    const spare = voters.filter((member) => member.connected).length - (Math.floor(voters.length / 2) + 1);
    if (!lost.length && spare < 1 && voters.length > 1) out.push('The loss of one more voter stops the group.');
    if (!status.leader_id) out.push('No leader is known.');
  }
  if (status.enclaves_started > 1) out.push((status.enclaves_started - 1) + ' enclaves before this one have ended.');
  return out;
}

function showHere(status) {
  const fields = [['role', status.role + (status.has_group && !status.voting ? ' (no vote)' : '')], ['term', number(status.term)],
    ['committed', number(status.commit_index)], ['behind by', number(status.last_index - status.applied_index) + ' entries'],
    ['rows', number(status.rows)], ['log', bytes(status.log_bytes)], ['client sessions', number(status.client_sessions)],
    ['clients connect to', status.client_address], ['up for', duration(status.uptime_seconds)], ['platform', status.platform]];
  byId('here').replaceChildren(...fields.map(([name, value]) => {
    const group = element('div');
    group.append(element('dt', name), element('dd', value));
    return group;
  }));
}

function chart(name, values) {
  const figure = element('figure');
  const caption = element('figcaption');
  const last = values.length ? values[values.length - 1] : 0;
  caption.append(element('span', NAMES[name] || name), element('b', number(last)));
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 120 40');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  const peak = Math.max(...values, 0);
  svg.setAttribute('aria-label', (NAMES[name] || name) + ': ' + number(last) + ' per second now, at most ' + number(peak));
  const top = Math.max(peak * PEAK_HEADROOM, 1);
  const points = values.map((value, i) => (120 - values.length + 1 + i) + ' ' + (39 - value / top * 38));
  if (points.length > 1) {
    for (const [kind, d] of [['area', 'M' + (120 - values.length + 1) + ' 40 L' + points.join(' L') + ' L120 40 Z'],
      ['line', 'M' + points.join(' L')]]) {
      const path = document.createElementNS(space, 'path');
      path.setAttribute('class', kind);
      path.setAttribute('d', d);
      svg.append(path);
    }
  }
  figure.append(caption, svg);
  return figure;
}

function showMembers(status) {
  const rows = status.members.map((member) => {
    const row = element('tr');
    const name = element('td');
    name.append(element('code', member.peer_id.slice(0, 12)), member.self ? ' (this one)' : '');
    row.append(name, element('td', member.leader ? 'leader' : member.voting ? 'voter' : 'no vote'),
      element('td', member.connected ? 'yes' : 'no', member.connected ? '' : 'bad'),
      element('td', member.lag === undefined ? '' : number(member.lag), 'n'));
    return row;
  });
  byId('members').replaceChildren(...rows);
  byId('lag-note').hidden = status.role === 'leader' || !status.members.length;
}

function show(status) {
  const problems = wrong(status);
  byId('group').textContent = status.has_group ? 'group ' + status.group_id : 'no group';
  byId('state').textContent = status.ready ? 'ready: serves clients' : 'not ready';
  byId('state').className = status.ready ? 'good' : 'bad';
  document.title = (status.ready ? '' : '✗ ') + 'svr2 ' + status.role;
  byId('unprotected').hidden = status.protected;
  byId('wrong-section').hidden = !problems.length;
  byId('wrong').replaceChildren(...problems.map((text) => element('li', text)));
  showHere(status);
  byId('rates').replaceChildren(...Object.entries(status.rates).map(([name, values]) => chart(name, values)));
  showMembers(status);
  byId('version').textContent = 'svr2 ' + status.version;
}

function showAge() {
  if (!lastAnswer) return;
  const age = Math.round((Date.now() - lastAnswer) / 1000);
  byId('age').textContent = age > 2 * POLL_MS / 1000 ? 'as of ' + duration(age) + ' ago' : 'live';
}

async function poll() {
  try {
    const response = await fetch('status.json', {cache: 'no-store'});
    if (!response.ok) throw new Error('the host answered ' + response.status);
    show(await response.json());
    lastAnswer = Date.now();
  } catch (failure) {
    byId('state').textContent = 'no answer: ' + failure.message;
    byId('state').className = 'bad';
  }
  showAge();
  setTimeout(poll, POLL_MS);
}

poll();
