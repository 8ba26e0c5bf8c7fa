import { openPage } from '@overlap/page'

/** The page as the server has it. */
export const page = await openPage()
