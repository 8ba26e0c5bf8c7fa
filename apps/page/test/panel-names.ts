import { openPage } from '@overlap/page'

/** The names of all panels, as the server has them. */
export const { panels } = await openPage()
