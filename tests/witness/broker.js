'use strict'
/* broker.js [PORT]: aedes on 127.0.0.1; prints its port once it listens. */

const aedes = require('aedes')()
const server = require('net').createServer(aedes.handle)

server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => {
  console.log(String(server.address().port))
})
