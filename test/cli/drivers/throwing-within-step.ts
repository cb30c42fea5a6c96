import throwing, { withinStep } from './throwing.js'

export default { ...throwing, fault: withinStep }
