// The life of a container, by proxmox-api. Prints one JSON object.
// Arguments: address, port, token id, secret, template. The certificate's issuer is in NODE_EXTRA_CA_CERTS.
import proxmoxApi from 'proxmox-api'

const [host, port, tokenID, tokenSecret, ostemplate] = process.argv.slice(2)
const proxmox = proxmoxApi({ host, port: Number(port), tokenID, tokenSecret })
const node = proxmox.nodes.$('pve1')
const seen = {}

async function finished (upid) {
  for (let tries = 0; tries < 300; tries++) {
    const state = await node.tasks.$(upid).status.$get()
    if (state.status === 'stopped') {
      if (state.exitstatus !== 'OK') throw new Error(`${upid}: ${state.exitstatus}`)
      return state.exitstatus
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`${upid} does not end`)
}

seen.version = (await proxmox.version.$get()).release
seen.nodes = (await proxmox.nodes.$get()).map(each => each.node).sort()
const vmid = Number(await proxmox.cluster.nextid.$get())
seen.created = await finished(await node.lxc.$post({ vmid, ostemplate, hostname: 'by-npm', storage: 'tank', rootfs: 'tank:2' }))
const container = node.lxc.$(vmid)
seen.hostname = (await container.config.$get()).hostname
seen.started = await finished(await container.status.start.$post())
seen.running = (await container.status.current.$get()).status
seen.snapshot = await finished(await container.snapshot.$post({ snapname: 'before' }))
seen.snapshots = (await container.snapshot.$get()).map(each => each.name).sort()
await container.config.$put({ description: 'ü & = ?', cores: 2 })
const config = await container.config.$get()
seen.description = config.description
seen.cores = config.cores
try {
  await container.status.start.$post()
} catch (error) {
  seen.refused = String(error.message ?? error)
}
seen.stopped = await finished(await container.status.stop.$post())
if (process.argv[7] === 'keep') seen.kept = vmid
else seen.deleted = await finished(await container.$delete())
console.log(JSON.stringify(seen))
process.exit(0)
