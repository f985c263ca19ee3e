import { playFiftyAudits } from './fifty-audits.ts';

test('of fifty audits at once, with deaths everywhere, as many are accepted as fit the budget, no more is spent, and nothing stays reserved: three worlds', () =>
  playFiftyAudits(1, 3));
