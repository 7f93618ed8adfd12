'use strict'
/*
 * web.js --root FOLDER [--port N] [--cert FILE --key FILE]: express.static on
 * 127.0.0.1; prints its port once it listens.
 *
 * /_script and /_log as in tests/support/http_server.py, with the faults that
 * can be laid over another server's answer: status, rate, cut_after and
 * stall_after. What is served, ranges above all, is express's own affair.
 */

const express = require('express')
const fs = require('fs')
const { parseArgs } = require('util')

const FAULTS = ['status', 'rate', 'cut_after', 'stall_after', 'repeat']
const SLICES_A_SECOND = 20

const { values: options } = parseArgs({
  options: {
    root: { type: 'string' },
    port: { type: 'string', default: '0' },
    cert: { type: 'string' },
    key: { type: 'string' }
  }
})
const scripts = new Map()
const log = []

function nextFault (path) {
  const faults = scripts.get(path)
  if (!faults || faults.length === 0) return {}
  if (faults[0].repeat === true) return faults[0]
  if (faults[0].repeat > 1) {
    faults[0].repeat--
    return faults[0]
  }
  return faults.shift()
}

/* Names as they were sent. */
function headersOf (request) {
  const headers = {}
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers[request.rawHeaders[i]] = request.rawHeaders[i + 1]
  }
  return headers
}

/* The body goes out in slices, as slowly and as far as the fault says. */
class Valve {
  constructor (response, fault, entry) {
    this.response = response
    this.fault = fault
    this.entry = entry
    this.stop = Math.min(fault.cut_after ?? Infinity,
      fault.stall_after ?? Infinity)
    this.slice = fault.rate
      ? Math.max(1, Math.floor(fault.rate / SLICES_A_SECOND))
      : Infinity
    this.waiting = Buffer.alloc(0)
    this.busy = false
    this.ended = false
    this.write = response.write.bind(response)
    this.end = response.end.bind(response)
    response.write = (chunk, encoding) => this.take(chunk, encoding)
    response.end = (chunk, encoding) => {
      if (chunk) this.take(chunk, encoding)
      this.ended = true
      this.flow()
      return response
    }
  }

  take (chunk, encoding) {
    this.waiting = Buffer.concat([this.waiting, Buffer.from(chunk, encoding)])
    this.flow()
    return false
  }

  flow () {
    if (this.busy || this.response.destroyed) return
    const size = Math.min(this.waiting.length, this.slice,
      this.stop - this.entry.sent)
    if (size === 0) {
      this.rest()
      return
    }
    this.busy = true
    this.write(this.waiting.subarray(0, size))
    this.waiting = this.waiting.subarray(size)
    this.entry.sent += size
    const pause = this.fault.rate ? size / this.fault.rate * 1000 : 0
    setTimeout(() => {
      this.busy = false
      this.flow()
    }, pause)
  }

  /* Nothing more may go, or nothing more is there. */
  rest () {
    if (this.entry.sent >= this.stop) {
      this.response.flushHeaders()
      if (this.fault.cut_after === this.stop) {
        this.response.socket.destroySoon()
      }
    } else if (this.ended) {
      this.end()
    } else {
      this.response.emit('drain')
    }
  }
}

function disturb (request, response, next) {
  const fault = request.method === 'GET' ? nextFault(request.path) : {}
  const entry = {
    method: request.method,
    path: request.originalUrl,
    headers: headersOf(request),
    status: 0,
    sent: 0,
    done: false
  }
  log.push(entry)
  response.on('close', () => {
    entry.status = response.statusCode
    entry.done = true
  })
  if (fault.status) {
    response.status(fault.status).end()
    return
  }
  new Valve(response, fault, entry) // eslint-disable-line no-new
  next()
}

const app = express()
app.disable('x-powered-by')
app.set('env', 'test') // what a client did wrong is in the log already
app.post('/_script', express.json({ type: () => true }), (request, response) => {
  const { path, faults } = request.body
  const unknown = faults.flatMap(Object.keys).filter(k => !FAULTS.includes(k))
  if (unknown.length > 0) {
    response.status(501).send(unknown.join(', '))
    return
  }
  scripts.set(path, faults)
  response.end()
})
app.get('/_log', (request, response) => response.json(log))
app.use(disturb)
app.use(express.static(options.root, { index: false }))

const server = options.cert
  ? require('https').createServer({
    cert: fs.readFileSync(options.cert),
    key: fs.readFileSync(options.key)
  }, app)
  : require('http').createServer(app)
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(String(server.address().port))
})
