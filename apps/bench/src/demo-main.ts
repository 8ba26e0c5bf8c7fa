/** The demo server's program, as `npm start` runs it: it reads its environment, and says on standard output where it is. */
export const demoMain = new URL('../../demo-server/src/main.ts', import.meta.url)

/** To be imported before it: collects the garbage when the process is sent a message. It needs `--expose-gc`. */
export const collector = `data:text/javascript,process.on('message',()=>gc())`
