/**
 * How certain a match is. A `code` always counts: machines write it for refusals only. A `sentence` says that content
 * was the reason, and does not count beside a technical fault. A `hint` does not count beside a complaint about the
 * request either.
 */
type Strength = 'code' | 'sentence' | 'hint';

interface Family {
  name: string;
  strength: Strength;
  pattern: RegExp;
  /** A repository, package or document with such a text. test/fixtures/answers has an example of each family. */
  source: string;
}

const family = (name: string, strength: Strength, pattern: RegExp, source: string): Family => ({
  name,
  strength,
  pattern,
  source,
});

/** What models and the services behind them say when they refuse. The first family that matches is taken. */
export const FAMILIES: readonly Family[] = [
  family('replicate', 'code', /\bE005\b/, 'github.com/replicate/cog-flux helpers/exceptions/prediction.py'),
  family(
    'openai',
    'code',
    /\b(?:moderation_blocked|content_policy_violation|content_violation_error|safety_violations?=\[?\w)/,
    'platform.openai.com/docs/guides/error-codes',
  ),
  family(
    'google',
    'code',
    /\b(?:IMAGE_)?PROHIBITED_CONTENT\b|\bIMAGE_(?:SAFETY|RECITATION)\b|(?:finish|block)_?reason[^\w\n]{1,6}(?:\w{1,20}\.)?(?:SAFETY|RECITATION|BLOCKLIST|SPII)\b|\bblock_?reason[^\w\n]{1,6}OTHER\b|\bBLOCKED?_REASON_(?:SAFETY|OTHER|BLOCKLIST|PROHIBITED_CONTENT)\b|(?<![a-z])RAI_?FILTERED(?:_?REASON["']?\s*[:=]\s*["']?(?!null|none|undefined)\w|\b)/i,
    'ai.google.dev/api/generate-content FinishReason',
  ),
  family(
    'bytedance',
    'code',
    /SensitiveContentDetected|\w{3}RiskDetection\b|PolicyViolation\b|\bpartner_validation_failed\b/,
    'docs.byteplus.com/en/docs/ModelArk/1299023',
  ),
  family(
    'alibaba',
    'code',
    /\bdata_?inspection_?failed\b|\bIPInfringementSuspect\b|\bgreen net check failed\b/i,
    'alibabacloud.com/help/en/model-studio/error-code',
  ),
  family(
    'minimax',
    'code',
    /\b(?:input|output) new_sensitive\b/i,
    'platform.minimax.io/docs/api-reference/errorcode',
  ),
  family(
    'tencent',
    'code',
    /\b(?:Text|Image)IllegalDetected\b|\bFailedOperation\.ModerationFailed\b/,
    'cloud.tencent.com/document/product/1668/88066',
  ),
  family('vidu', 'code', /\bAuditSubmitIllegal\b/, 'platform.vidu.com/docs/error-code'),
  family('runway', 'code', /\bSAFETY\.(?:INPUT|OUTPUT)\b/, 'docs.dev.runwayml.com/errors/task-failures'),
  family(
    'stability',
    'code',
    /\bCONTENT_FILTERED\b|\bInvalid prompts? detected\b|["']content_moderation["']/i,
    'github.com/Stability-AI/rest-api-support issues/1',
  ),
  family(
    'content-filter',
    'sentence',
    /\bcontent_filter(?:ed)?\b/i,
    'learn.microsoft.com/azure/ai-services/openai/concepts/content-filter',
  ),
  family(
    'responsible-ai',
    'sentence',
    /\bresponsible ai\b|\busage guidelines\b/i,
    'github.com/firebase/firebase-ios-sdk ImagenGenerationResponse tests',
  ),
  family(
    'nsfw',
    'sentence',
    /(?<!\b(?:no|not|without|zero) (?:any )?(?:potential(?:ly)? )?)\bNSFW(?:[ _-](?:content|concepts?|material|images?|words?|prompts?|detected|was|found|flagged|blocked)|[.!]?$|\b[^.\n]{1,40}\b(?:detected|found|blocked|flagged|rejected)\b)|\b(?:as|is|are|was|were|be|contain(?:s|ed|ing)?|detected|potential(?:ly)?|possibl[ey]) NSFW\b(?! (?:checker|detector|filter|model|classifier))/im,
    'github.com/replicate/cog-sdxl predict.py',
  ),
  family(
    'moderated',
    'sentence',
    /\b(?:request|content|prompt|images?|input|output|generation|task)s?(?: (?:was|were|is|has been|been|got))? moderated\b/i,
    'docs.bfl.ai/api_integration/errors',
  ),
  family(
    'moderation',
    'sentence',
    /\b(?:flagged|rejected|blocked|denied|refused|stopped|caught|declined|filtered|violat\w+|disallowed|not (?:allowed|permitted)|did(?:n't| not) (?:pass|respect))\b[^.\n]{0,60}\bmoderat(?:ion|ors?)\b|\bmoderation\b[^.\n]{0,20}\b(?:block|reject|flag|den[iy]|refus|violat)|\b(?:advanced|content|prompt|image|input|output|text) moderation failed\b|\bmoderation_(?:failed|blocked|rejected)\b|\b(?:rejected|blocked) by (?:the |our )?(?:content |security |safety )*audit\b|\b(?:content |security |safety )audit (?:failed|did not pass)|\bcontents? (?:is |are )?(?:not |non-?)compliant\b|\bfail\w* (?:to pass |in |our |the |at )?(?:\w+ )?moderation\b(?! (?:request|service|call|api|model))/i,
    'github.com/lumalabs/lumaai-python generations',
  ),
  family(
    'safety',
    'sentence',
    /\b(?:reject|block|refus|filter|flag|declin|stopp|deni|disallow|prohibit|violat|remov|trigger|withh|censor|prevent|not (?:be )?(?:allowed|permitted|shown|generated))\w*\b[^.\n]{0,60}\b(?:safety|content|nsfw|profanity|risk|guard) ?(?:systems?|filter(?:s|ing)?|polic(?:y|ies)|guidelines?|guardrails?|concerns?|reasons?|check(?:er|ers|s)?|reviews?|standards?|rules?|classifiers?|settings?|restrictions?|control|violations?)\b|\b(?:reject|block|refus|filter|declin|stopp)\w*\b[^.\n]{0,40}\bsafety\b|\b(?:safety|content)[ -](?:systems?|filters?|polic(?:y|ies)|guidelines?|guardrails?|check(?:er|s)?|classifiers?) ?(?:has |have |was |were )?(?:reject|block|trigger|flag|violat|refus|prevent|dropp|remov)\w*|\bfail\w* (?:to pass )?(?:the |our |a )?(?:\w+ )?(?:(?:safety|nsfw|toxicity|security) (?:check|filter|review|screen(?:ing)?)|content check|risk control)s?\b(?! (?:to|request|service|model))|\b(?:safety|nsfw|toxicity|content) (?:security )?(?:check|filter|review|screening) failed\b|\brisk control (?:failed|reject\w*|block\w*)|\b(?:reject|block)\w* by (?:the |our |a )?(?:\w+ )?guardrails?\b|\bguardrails? (?:intervened|blocked|rejected|triggered)\b|\bdid(?:n't| not) pass (?:the |our |a )?(?:\w+ )?(?:safety|content|risk|security)\b|\b(?:contents?|prompts?|images?|inputs?|outputs?|texts?)\b(?: \w+){0,2} fail\w* (?:to pass )?(?:the |our )?(?:security )?review\b/i,
    'platform.openai.com/docs/guides/images',
  ),
  family(
    'policy',
    'sentence',
    /\b(?:violat\w+|against|conflicts? with|break(?:s|ing)?|breach\w*|contrary to|outside)\b[^.\n]{0,80}\b(?:polic(?:y|ies)|guidelines?|guardrails?|terms of (?:service|use)|AUP|community (?:standards|rules)|content rules|code of conduct)\b/i,
    'github.com/epam/ai-dial-adapter-vertexai issues/66',
  ),
  family(
    'flagged',
    'sentence',
    /\b(?:contents?|prompts?|requests?|inputs?|outputs?|images?|texts?|media|materials?|generations?)\b[^.\n]{0,40}\bflagged\b|\bflagged (?:as|for|by)\b[^.\n]{0,40}\b(?:sensitive|inappropriate|unsafe|explicit|content|safety|violat\w+|sexual|violence|hate|harassment)/i,
    'github.com/replicate/cog-flux helpers/moderation/client.py',
  ),
  family(
    'sensitive',
    'sentence',
    /(?<!case[ -])\bsensitive (?:content|information|words?|materials?|media|topics?|imagery)\b|\b(?:as|is|are|contains?) sensitive\b/i,
    'docs.byteplus.com/en/docs/ModelArk/1299023',
  ),
  family(
    'inappropriate',
    'sentence',
    /\b(?:inappropriate|offensive|harmful|unsafe|disallowed|prohibited|forbidden|illegal|objectionable|explicit|adult|sexual|hateful|restricted) (?:\w+ ){0,2}?(?:contents?|materials?|images?|prompts?|words?|language|terms?|imagery|topics?)\b(?! (?:sizes?|dimensions?|formats?|resolutions?|ratios?|types?|lengths?|shapes?|channels?)\b)|\bprompt is illegal\b|\b(?:deemed|considered|potentially|detected as|classified as|marked as|is|too) (?:inappropriate|unsafe|harmful|offensive)\b|\bnot safe (?:for work|to (?:generate|show))\b/i,
    'alibabacloud.com/help/en/model-studio/error-code',
  ),
  family(
    'likeness',
    'sentence',
    /\b(?:celebrit(?:y|ies)|public figures?|prominent (?:person|people)|real people|likeness(?:es)?|copyright(?:ed)?|trademark(?:ed|s)?|minors?|protected characters?)\b[^.\n]{0,60}\b(?:(?:not|cannot|can't) (?:be )?(?:allowed|permitted|supported|generated|processed)|block\w*|detect\w*|prohibit\w*|violat\w*|reject\w*)|(?<!\b(?:must|should|not) )\b(?:contain\w*|depict\w*|block\w*|prohibit\w*|infring\w*|den(?:y|ied))\b[^.\n]{0,40}\b(?:celebrit(?:y|ies)|public figures?|real (?:person|people)|protected characters?|copyright(?:ed|s)?|intellectual property|trademarks?|likeness(?:es)?)\b|\brelated to copyright\b|\b(?:likeness(?:es)?|real people|celebrit(?:y|ies))\b[^.\n]{0,20}\bfilter\b|\bunder (?:the age of )?18\b/i,
    'cloud.google.com/vertex-ai/generative-ai/docs Veo safety codes',
  ),
  family(
    'banned-words',
    'sentence',
    /\b(?:banned|forbidden|prohibited|disallowed|blacklisted|blocked|restricted) (?:words?|terms?|phrases?|keywords?|prompts?)\b|\bcontains? (?:\w+ ){0,2}(?:that|which) (?:is|are) (?:blocked|banned|prohibited|forbidden|restricted|not allowed)\b/i,
    'docs.midjourney.com banned prompts; github.com/novicezk/midjourney-proxy',
  ),
  family(
    'declined',
    'sentence',
    /\b(?:I|we)(?:'m|'re| am| are)? ?(?:can(?:'|no)t|can not|unable to|not able to|won't|will not|must decline to|refuse to) (?:help|assist|create|generate|make|produce|fulfil\w*|comply|draw|depict|show)\b|\bI(?:'m| am) (?:programmed|designed) to be\b|\bas an AI\b|\bmodel (?:has )?(?:refused|declined) to (?:generate|answer|create|respond|draw|produce)\b|\b(?:can(?:'|no)t|can not|unable to) (?:help|assist) (?:you )?with (?:that|this|your)\b/i,
    'github.com/promptfoo/promptfoo is-refusal',
  ),
  family(
    'filtered',
    'hint',
    /\b(?:images?|content|outputs?|results?|responses?|generations?|requests?)\b(?: \w+){0,4} (?:filtered|censored|suppressed|withheld)\b/i,
    'github.com/ai-forever/Kandinsky-2 FusionBrain API: censored',
  ),
  family(
    'rejected',
    'hint',
    /(?<!\b(?:no|any) )\b(?:prompts?|inputs?|contents?|images?|outputs?|texts?|words?|topics?)(?: provided)?(?: (?:has been|have been|was|were|is|are|could not be|couldn't be|cannot be|can't be|been))?(?: (?:automatically|also))? (?:rejected|refused|blocked|denied|disallowed|banned|prohibited|forbidden|declined|censored|submitted|not (?:be )?(?:allowed|permitted|accepted))\b|\bblocked(?::? prohibited| (?:the |your |this )?(?:prompt|content|output|image|request))\b|\b(?:prompt|content|input|output|image)_(?:is_)?(?:blocked|rejected|flagged|moderated)\b/i,
    'github.com/Comfy-Org/docs partner nodes; cloud.google.com Veo responsible AI',
  ),
  family(
    'depicted',
    'sentence',
    /(?<!\bno )\b(?:nudity|gore|violence|weapons?|csam|sexual \w+|blood|hate speech|self[- ]harm)\b[^.\n]{0,30}\b(?:detected|(?<!not )found|not allowed|blocked)\b|\bnot (?:allowed|permitted): ?(?:nudity|gore|violence|weapons?|sexual|blood|hate|self[- ]harm)\b|\bdetected (?:nudity|gore|violence|weapons?|sexual \w+)\b/i,
    'github.com/replicate/cog-flux helpers/moderation/client.py: categories',
  ),
  family(
    'named',
    'hint',
    /\bcontent[ _-](?:polic(?:y|ies)|moderation|violations?|not[ _-]allowed)\b|(?<![a-z])unsafe(?![a-z]| (?:to|cast|operation|serial|deserial|memory|pickle))|\bpolicy violations?\b|\bcontent restrictions?\b|\btoxicity\b|^\W*SAFETY\W*$|\b(?:is|was)[ _]not safe\b|\bsafe\W{1,3}false\b|_safe\W{1,3}false\b|\b(?:reject|block|refus|restrict)\w*\b[^.\n]{0,60}\bpolicy\b|(?<![a-z])safety[ _-](?:violations?|filters?|systems?|block|refusal|reasons?|concerns?)\b/i,
    'evolink.ai error codes; docs.aws.amazon.com/bedrock content filters',
  ),
  family(
    'chinese',
    'sentence',
    /敏感|违禁|(?:安全|内容)[^\n]{0,6}拦截|违规|违法|不合规|不符合(?:社区|内容)?(?:规范|政策)|审核(?:不|未)通过|未通过[^\n]{0,6}审核|触发[^\n]{0,6}(?:安全|风控|审核)/,
    'cloud.tencent.com/document/product/1668/88066',
  ),
];

interface Fault {
  name: string;
  /** The strongest kind of family that it overrules. */
  over: Exclude<Strength, 'code'>;
  pattern: RegExp;
}
const fault = (name: string, over: Fault['over'], pattern: RegExp): Fault => ({ name, over, pattern });

/** Signs that something broke. Words about safety then say where it broke, not why. */
export const FAULTS: readonly Fault[] = [
  fault('memory', 'sentence', /out of memory|\bOOM\b|OutOfMemory|\bCUDA\b|\bcuDNN\b|illegal memory access/i),
  fault('time', 'sentence', /\btime(?:d)?[ -]?out|deadline exceeded|took too long/i),
  fault(
    'loading',
    'sentence',
    /\b(?:fail\w*|errors?|unable|could not|couldn't|cannot|can't|while|when|during) (?:to )?(?:load|download|import|open|initiali[sz]|connect|fetch|find|start|read|reach|contact|run|call)\w*|\b(?:load|download|import) failed\b|unpickl/i,
  ),
  fault(
    'code',
    'sentence',
    /\b(?:Type|Key|Attribute|Index|Import|ModuleNotFound|Name|Assertion|NotImplemented|FileNotFound|Recursion|Unicode\w*|JSONDecode|Permission|Connection|OS)Error\b|No module named|has no attribute|unexpected keyword|is not defined|not callable|missing \d+ required/,
  ),
  fault(
    'service',
    'sentence',
    /\b5\d\d (?:Internal|Bad|Service|Gateway|Server|UNAVAILABLE)|(?:status|code|HTTP|error)[^\w\n]{0,6}5\d\d\b|internal (?:server )?error|service (?:is )?(?:temporarily |currently )?unavailable|overloaded|ECONN\w+|connection (?:reset|refused|aborted|error)|offline|crash|\bE00[1-4]\b|\bE\d{4}\b/i,
  ),
  fault(
    'access',
    'sentence',
    /\brate[ -]?limit|too many requests|\bquota\b|\b(?:429|401|402)\b|throttl|resource[_ ]exhausted|insufficient|billing|\bAPI[ _]key\b|unauthori[sz]ed|authenticat|\bCORS\b|firewall|\bproxy\b/i,
  ),
  fault('denied', 'hint', /\bno \w+ (?:was|were) (?:blocked|filtered|flagged|rejected|refused)\b/i),
  fault(
    'input',
    'hint',
    /\b(?:too (?:long|large|short|small|many|big)|must|should be|invalid|unsupported|not supported|exceed\w*|missing|required|at (?:least|most)|validat\w+|format|resolution|dimensions?|pixels?|size|bytes|tokens|characters|corrupt\w*|empty|boolean|integer|malformed|expected|parse|decode)\b/i,
  ),
];

export interface RefusalReading {
  family: string;
  /** The line that says it. */
  words: string;
}

const OVER: Record<Strength, readonly Strength[]> = {
  code: [],
  sentence: ['sentence'],
  hint: ['sentence', 'hint'],
};
const QUOTED = /(?<![\p{L}\p{N}])(["'`])(?:\\.|[^\\\n]){0,4000}?\1(?![\p{L}\p{N}])/gu;

/**
 * Finds the refusal in a text.
 * @param text without the prompt
 * @param hints whether vague words count: yes in an error, no in a log
 * @returns undefined if the text does not refuse, or if something broke
 */
export function readRefusal(text: string, hints = true): RefusalReading | undefined {
  const reading = (family: string, strength: Strength, index: number): RefusalReading | undefined => {
    const over = OVER[strength];
    if (FAULTS.some((fault) => over.includes(fault.over) && fault.pattern.test(text))) return undefined;
    if (strength !== 'code' && isQuotedByFault(text)) return undefined;
    return { family, words: sentenceAt(text, index) };
  };
  for (const { name, strength, pattern } of FAMILIES) {
    if (strength === 'hint' && !hints) continue;
    const found = pattern.exec(text);
    const read = found && reading(name, strength, found.index);
    if (read) return read;
  }
  for (const { index, said } of hints ? namesIn(text) : [])
    for (const { name, strength, pattern } of FAMILIES) {
      const read = strength !== 'code' && pattern.test(said) && reading(name, 'hint', index);
      if (read) return read;
    }
  return undefined;
}

/** Names of errors: in capitals, of a class, or alone on a line or behind `code:`. Others are settings and files. */
const NAME =
  /\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b|\b[A-Z]\w*(?:Error|Exception)\b|^[^\w\n]*[a-z]+(?:_[a-z]+)+[^\w\n]*$|(?<=\b(?:code|type|reason|error)["']?\s{0,4}[:=]\s{0,4}["']?)[a-z]+(?:_[a-z]+)+\b/gm;

/** The names of errors in a text, as words: `SENSITIVE_CONTENT`, `PromptRejectedError`. Each with its place. */
const namesIn = (text: string): { index: number; said: string }[] =>
  [...text.matchAll(NAME)].map(({ 0: name, index }) => ({
    index,
    said: name.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2'),
  }));

/** Whether only a quotation mentions safety, and the rest of the text describes a fault. */
function isQuotedByFault(text: string): boolean {
  const own = text.replace(QUOTED, '');
  return (
    FAULTS.some(({ pattern }) => pattern.test(own)) && !FAMILIES.some(({ pattern }) => pattern.test(own))
  );
}

/** The line at a position, at most 200 characters of it. */
export function sentenceAt(text: string, index: number): string {
  const start = Math.max(text.lastIndexOf('\n', index) + 1, index - 100);
  const end = text.indexOf('\n', index);
  return text
    .slice(start, end === -1 ? undefined : end)
    .trim()
    .slice(0, 200);
}
